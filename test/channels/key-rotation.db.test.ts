import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { rotateKeys } from '../../src/channels/key-rotation.js'
import { Database } from '../../src/db/database.js'
import { newId } from '../../src/lib/ids.js'
import { SecretBox } from '../../src/lib/secret-box.js'
import { rotateStoredSecrets } from '../../src/rotate-stored-secrets.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { done, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { openSql, runSql } from '../support/sql.js'
import { addAccount, newTwilioCredentials, post, twilioText } from './provider-calls.js'

const [before, next] = ['before', 'next'].map((id) => ({ id, key: randomBytes(32) })) as [
  { id: string; key: Buffer },
  { id: string; key: Buffer },
]
const runningKeys = [before, next]
const commandKeys = [next, before]

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true, encryptionKeys: runningKeys })
  org = await TestOrganization.create(service)
})

afterAll(() => service.close())

interface Stored {
  id: string
  secret: string
  previous_secret: string | null
}

const stored = (database: { databaseUrl: string } = service): Promise<Stored[]> =>
  runSql<Stored & Record<string, unknown>>(
    database,
    'SELECT id, secret, previous_secret FROM channel_accounts ORDER BY id',
  )

/** What a process that knows nothing but the new key opens; throws where that is not enough. */
const openedByNext = (rows: Stored[]) => {
  const box = new SecretBox([next])
  return new Map(
    rows.map(({ id, secret, previous_secret }) => [
      id,
      [box.open(secret, id), previous_secret && box.open(previous_secret, id)],
    ]),
  )
}

async function rotate(databaseUrl = service.databaseUrl): Promise<{ isDone: boolean; said: string }> {
  const lines: string[] = []
  const isDone = await rotateStoredSecrets({
    databaseUrl,
    encryptionKeys: commandKeys,
    say: (line) => lines.push(line),
  })
  return { isDone, said: lines.join('\n') }
}

const change = (id: string, credentials: Record<string, string>, keepPreviousSecretForHours = 24) =>
  done(org.admin.patch(`/v1/channel-accounts/${id}`, { credentials, keepPreviousSecretForHours }), 200)

describe('the command while the service runs', () => {
  it('seals every secret of every organization with the newest key: previous ones and those of deleted accounts too', async () => {
    const rotated = await addAccount(org)
    const later = { ...rotated.credentials, authToken: newTwilioCredentials().authToken }
    await change(rotated.id, later)
    const deleted = await addAccount(org)
    await done(org.admin.delete(`/v1/channel-accounts/${deleted.id}`), 204)
    const other = await addAccount(await TestOrganization.create(service), { provider: 'telesign' })
    expect((await stored()).every(({ secret }) => secret.startsWith('before.'))).toBe(true)

    const { isDone, said } = await rotate()
    const again = await rotate()

    const opened = openedByNext(await stored())
    expect(opened.get(rotated.id)).toEqual([later.authToken, rotated.credentials['authToken']])
    expect(opened.get(deleted.id)).toEqual([deleted.credentials['authToken'], null])
    expect(opened.get(other.id)).toEqual([other.credentials['apiKey'], null])
    expect([isDone, again.isDone]).toEqual([true, true])
    expect(said).toContain('Done: 3 channel accounts, 3 sealed anew.')
    expect(said).toContain('The key "before" has sealed nothing that is stored. Remove it')
    expect(again.said).toContain('Done: 3 channel accounts, 0 sealed anew.')
  })

  it('callbacks are taken before and after it, also by a process that has not seen the account yet', async () => {
    const [known, unknown] = [await addAccount(org), await addAccount(org)]
    const answers = [await post(service, twilioText(known))]

    await rotate()
    answers.push(await post(service, twilioText(known)), await post(service, twilioText(unknown)))

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  })

  it('a secret that the admin changes at the same moment is the admin’s, and has the newest key in the end', async () => {
    const account = await addAccount(org)
    const admin = await openSql(service)
    const [row] = (await stored()).filter(({ id }) => id === account.id)
    const theirs = new SecretBox(runningKeys).seal('set meanwhile', account.id)
    await admin.query('BEGIN')
    await admin.query(
      'UPDATE channel_accounts SET secret = $1, previous_secret = secret, version = version + 1 WHERE id = $2',
      [theirs, account.id],
    )

    const rotation = rotate()
    await eventually(
      () =>
        runSql(
          service,
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
        ),
      (waiting) => waiting.length > 0,
    )
    await admin.query('COMMIT')
    await admin.end()

    expect((await rotation).isDone).toBe(true)
    expect(row?.secret).toMatch(/^before\./)
    expect(openedByNext(await stored()).get(account.id)).toEqual([
      'set meanwhile',
      account.credentials['authToken'],
    ])
  })

  it('no change of credentials is lost, however many come while it runs', async () => {
    const accounts = await Promise.all(Array.from({ length: 5 }, () => addAccount(org)))
    const last = new Map(accounts.map(({ id, credentials }) => [id, credentials['authToken'] ?? '']))
    let isOver = false
    const admin = async () => {
      for (let round = 0; round < 10; round++)
        await Promise.all(
          accounts.map(async ({ id, credentials }) => {
            const { authToken } = newTwilioCredentials()
            await change(id, { ...credentials, authToken })
            last.set(id, authToken)
          }),
        )
      isOver = true
    }
    const operator = async () => {
      while (!isOver) await rotate()
      return rotate()
    }

    const [{ isDone }] = await Promise.all([operator(), admin()])

    const opened = openedByNext(await stored())
    expect(isDone).toBe(true)
    for (const [id, authToken] of last) expect(opened.get(id)?.[0]).toBe(authToken)
  })
})

describe('an account whose key is lost', () => {
  it('works again with new credentials', async () => {
    const account = await addAccount(org)
    const lost = new SecretBox([{ id: 'lost', key: randomBytes(32) }]).seal('gone', account.id)
    await runSql(service, 'UPDATE channel_accounts SET secret = $1 WHERE id = $2', [lost, account.id])
    const { authToken } = newTwilioCredentials()

    const closed = await rotate()
    await change(account.id, { ...account.credentials, authToken })
    const answer = await post(service, twilioText(account, { authToken }))

    expect(closed.isDone).toBe(false)
    expect(answer.status).toBe(200)
    expect((await rotate()).isDone).toBe(true)
  })
})

describe('the command with many accounts', () => {
  let database: TestDatabase
  let ids: string[]
  const target = () => ({ databaseUrl: database.url })

  beforeEach(async () => {
    database = await createTestDatabase()
    const box = new SecretBox([before])
    ids = Array.from({ length: 450 }, () => newId())
    const accounts = ids.map((id) => ({ org_id: newId(), id, secret: box.seal(`secret of ${id}`, id) }))
    await runSql(
      target(),
      `INSERT INTO organizations (id, name, created_at, updated_at)
       SELECT org_id, 'x', now(), now() FROM jsonb_to_recordset($1) AS a(org_id uuid)`,
      [JSON.stringify(accounts)],
    )
    await runSql(
      target(),
      `INSERT INTO channel_accounts (org_id, id, name, channel, provider, provider_account_id, secret, secret_last_four,
         callback_token, created_at, updated_at)
       SELECT org_id, id, id, 'sms', 'twilio', 'AC', secret, '', id, now(), now()
       FROM jsonb_to_recordset($1) AS a(org_id uuid, id uuid, secret text)`,
      [JSON.stringify(accounts)],
    )
    return () => database.drop()
  })

  it('that is broken off goes on where it was', async () => {
    const db = new Database({ url: database.url, poolSize: 2, onPoolError: () => undefined })
    const brokenOff = rotateKeys(db, new SecretBox(commandKeys), () => {
      throw new Error('broken off')
    })
    await expect(brokenOff).rejects.toThrow('broken off')
    await db.close()
    const done = (await stored(target())).filter(({ secret }) => secret.startsWith('next.'))

    const { isDone, said } = await rotate(database.url)

    expect([done.length, isDone]).toEqual([200, true])
    expect(said).toContain('400 channel accounts looked at, 200 sealed anew')
    expect(said).toContain('Done: 450 channel accounts, 250 sealed anew.')
    const opened = openedByNext(await stored(target()))
    expect(ids.map((id) => opened.get(id)?.[0])).toEqual(ids.map((id) => `secret of ${id}`))
  })

  it('names what cannot be opened, renews the rest, and says that the old key is still needed', async () => {
    const [lost = '', damaged = '', copied = ''] = ids
    const sealedByLost = new SecretBox([{ id: 'lost', key: randomBytes(32) }]).seal('hidden words', lost)
    const set = (id: string, secret: string) =>
      runSql(target(), 'UPDATE channel_accounts SET secret = $1 WHERE id = $2', [secret, id])
    await set(lost, sealedByLost)
    await set(damaged, `before.${randomBytes(12).toString('base64url')}.${'A'.repeat(22)}.AAAA`)
    await set(copied, new SecretBox([before]).seal('hidden words', ids.at(-1) ?? ''))

    const { isDone, said } = await rotate(database.url)

    const rows = await stored(target())
    expect(isDone).toBe(false)
    for (const id of [lost, damaged, copied]) expect(said).toContain(`channel account ${id} of organization`)
    expect(said).toContain('lacks the key "lost"')
    expect(said).toContain('3 of 450 channel accounts hold a secret that cannot be opened')
    expect(said).toContain('The key "before" is still needed: it has sealed 2 stored values.')
    expect(said).not.toContain(sealedByLost.split('.').at(-1))
    expect(rows.filter(({ secret }) => secret.startsWith('next.'))).toHaveLength(447)
  })
})
