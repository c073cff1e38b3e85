import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { setAsideCallbacks, takePendingCallbacks } from '../../src/channels/callback-repository.js'
import { days, later } from '../../src/lib/clock.js'
import { standingCallbacks } from '../support/inbox.js'
import { done, refused, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import {
  addAccount,
  newSid,
  newTwilioCredentials,
  post,
  type TestAccount,
  telesignText,
  twilioText,
} from './provider-calls.js'

let now = new Date('2026-03-01T12:00:00.000Z')
let service: TestService
let org: TestOrganization
let account: TestAccount

beforeAll(async () => {
  service = await startService({ idle: true, clock: { now: () => now } })
})

afterAll(() => service.close())

const wrongToken = 'another-auth-token'

async function newAccount(): Promise<void> {
  org = await TestOrganization.create(service)
  account = await addAccount(org)
}

const forged = (params: Record<string, string> = {}) => twilioText(account, { authToken: wrongToken, params })
const quarantine = async (query = '') =>
  (await done(org.admin.get(`/v1/quarantine?limit=100${query}`), 200)).body.data
const release = (id: string) => org.admin.post(`/v1/quarantine/${id}/release`)
const dropped = async () =>
  (await done(org.admin.get(`/v1/channel-accounts/${account.id}`), 200)).body.quarantineDropped

describe('a callback with a bad signature', () => {
  it('is shown to the admin with its reason, what to mend, and the message', async () => {
    await newAccount()

    const answer = await post(service, forged({ Body: 'Is anybody there?' }))

    expect(answer.status).toBe(403)
    const [item] = await quarantine()
    expect(item).toMatchObject({
      accountId: account.id,
      kind: 'message',
      state: 'quarantined',
      reason: 'signature_mismatch',
      receivedAt: now.toISOString(),
      attempts: 0,
      from: '+12065550100',
      to: '+14252306549',
    })
    expect(item.detail).toContain('Auth Token')
    expect(item.body).toContain('Is+anybody+there')
  })

  it('is not kept where it does not name the account', async () => {
    await newAccount()

    const answer = await post(service, forged({ AccountSid: `AC${'f'.repeat(32)}` }))

    expect(answer.status).toBe(403)
    expect(await quarantine()).toEqual([])
  })

  it('of Telesign is kept where its header names the Customer ID', async () => {
    await newAccount()
    account = await addAccount(org, { provider: 'telesign' })
    const apiKey = Buffer.from('another key of telesign').toString('base64')

    await post(service, telesignText(account, { apiKey }))

    expect(await quarantine()).toMatchObject([{ accountId: account.id, from: '+12065550100' }])
  })

  it('is kept once, however often it comes', async () => {
    await newAccount()
    const call = forged()

    const answers = await Promise.all(Array.from({ length: 5 }, () => post(service, call)))
    await post(service, call)

    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403])
    expect(await quarantine()).toHaveLength(1)
  })

  it('never takes the place of the real one', async () => {
    await newAccount()
    const sid = newSid()
    await post(service, forged({ MessageSid: sid, Body: 'forged' }))

    const genuine = await post(service, twilioText(account, { params: { MessageSid: sid, Body: 'real' } }))

    expect(genuine.status).toBe(200)
    const states = (await standingCallbacks(service, org.id)).map(({ state }) => state)
    expect(states.sort()).toEqual(['pending', 'quarantined'])
  })
})

describe('the bounds of the quarantine', () => {
  it('a flood fills it up to 200 callbacks of an account, and the rest is counted', async () => {
    await newAccount()

    const answers = await Promise.all(Array.from({ length: 230 }, () => post(service, forged())))

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]))
    const kept = (await standingCallbacks(service, org.id)).length
    expect(kept).toBeLessThanOrEqual(200)
    expect(kept).toBeGreaterThan(150)
    expect(kept + (await dropped())).toBe(230)
  })

  it('when it is full, the oldest goes out and is counted', async () => {
    await newAccount()
    const times = { receivedAt: now, storedAt: now }
    await service.parts.db.inOrg(org.id, (tx) =>
      tx.callback.createMany({
        data: Array.from({ length: 200 }, (_, index) => ({
          ...times,
          orgId: org.id,
          id: `01890000-0000-7000-8000-${String(index).padStart(12, '0')}`,
          accountId: account.id,
          kind: 'message' as const,
          providerKey: `SM${index}`,
          lane: '+12065550100',
          url: account.calledUrl,
          contentType: '',
          body: '',
          state: 'quarantined' as const,
        })),
      }),
    )

    await post(service, forged())

    const rows = await standingCallbacks(service, org.id)
    expect(rows).toHaveLength(200)
    expect(rows.map(({ providerKey }) => providerKey)).not.toContain('SM0')
    expect(await dropped()).toBe(1)
  })

  it('after seven days it is gone', async () => {
    await newAccount()
    await post(service, forged())
    const start = now

    now = later(start, days(7))
    const onTheDay = await quarantine()
    now = later(start, days(7) + 1)
    const after = await quarantine()
    await refused(release(onTheDay[0].id), 404, 'not_found')
    await post(service, forged())
    const rows = await standingCallbacks(service, org.id)
    now = start

    expect([onTheDay.length, after.length]).toEqual([1, 0])
    expect(rows.map(({ id }) => id)).not.toContain(onTheDay[0].id)
  })
})

describe('a release', () => {
  it('hands the callback to the worker with the moment at which it came', async () => {
    await newAccount()
    await post(service, forged())
    const cameAt = now
    const [item] = await quarantine()
    now = later(now, 3_600_000)

    const { body } = await done(release(item.id), 200)

    expect(body).toMatchObject({ id: item.id, state: 'pending', duplicate: false, reason: null, attempts: 0 })
    expect(await standingCallbacks(service, org.id)).toMatchObject([
      { id: item.id, state: 'pending', receivedAt: cameAt, dueAt: now, attempts: 0, reason: null },
    ])
    expect(await quarantine()).toEqual([])
    await refused(release(item.id), 404, 'not_found')
  })

  it('of a callback that came again with a good signature removes it and says so', async () => {
    await newAccount()
    const sid = newSid()
    await post(service, forged({ MessageSid: sid }))
    const [item] = await quarantine()
    await post(service, twilioText(account, { params: { MessageSid: sid } }))

    const { body } = await done(release(item.id), 200)

    expect(body).toMatchObject({ id: item.id, duplicate: true })
    expect(await standingCallbacks(service, org.id)).toMatchObject([{ providerKey: sid, state: 'pending' }])
  })

  it('at the same moment as the genuine one leaves one callback', async () => {
    await newAccount()
    const sid = newSid()
    await post(service, forged({ MessageSid: sid }))
    const [item] = await quarantine()

    const [released, genuine] = await Promise.all([
      release(item.id),
      post(service, twilioText(account, { params: { MessageSid: sid } })),
    ])

    expect([released.status, genuine.status]).toEqual([200, 200])
    expect(await standingCallbacks(service, org.id)).toMatchObject([{ providerKey: sid, state: 'pending' }])
  })

  it('twice at once is one release', async () => {
    await newAccount()
    await post(service, forged())
    const [item] = await quarantine()

    const statuses = (await Promise.all([release(item.id), release(item.id)])).map(({ status }) => status)

    expect(statuses.sort()).toEqual([200, 404])
  })

  it('after the token was mended brings the customer’s message to a conversation', async () => {
    const working = await startService()
    const there = await TestOrganization.create(working)
    const number = await there.addNumber('twilio sms')
    const right = { ...number.credentials }
    const wrong = { ...right, authToken: newTwilioCredentials().authToken }
    const accountPath = `/v1/channel-accounts/${number.accountId}`
    await done(there.admin.patch(accountPath, { credentials: wrong }), 200)
    await fetch(`${working.simulator.url}/text`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ from: '+12065550177', to: number.number, text: 'Do you hear me?' }),
    })
    await done(there.admin.patch(accountPath, { credentials: right }), 200)
    const { body } = await done(there.admin.get('/v1/quarantine'), 200)

    await done(there.admin.post(`/v1/quarantine/${body.data[0].id}/release`), 200)
    const conversation = await there.conversationOf('+12065550177')
    const messages = await there.messages(conversation.id)
    await working.close()

    expect(messages).toMatchObject([{ text: 'Do you hear me?', direction: 'inbound' }])
    expect(messages[0].createdAt).toBe(body.data[0].receivedAt)
  })
})

describe('the list', () => {
  it('has what the worker set aside, newest first, and filters by reason and account', async () => {
    await newAccount()
    await post(service, twilioText(account, { params: { Body: 'to an unknown number' } }))
    await service.parts.db.inOrg(org.id, async (tx) => {
      const waiting = await takePendingCallbacks(tx, now, 1)
      const why = { reason: 'unknown_number', detail: 'Add the number.' }
      await setAsideCallbacks(
        tx,
        waiting.map(({ seq }) => ({ seq, ...why })),
      )
    })
    await post(service, forged())
    const other = await addAccount(org)

    const all = await quarantine()

    expect(all.map(({ reason }: { reason: string }) => reason)).toEqual([
      'signature_mismatch',
      'unknown_number',
    ])
    expect(all[1]).toMatchObject({ state: 'set_aside', detail: 'Add the number.' })
    expect(await quarantine('&reason=unknown_number')).toHaveLength(1)
    expect(await quarantine(`&accountId=${account.id}`)).toHaveLength(2)
    expect(await quarantine(`&accountId=${other.id}`)).toHaveLength(0)
    const { body: first } = await done(org.admin.get('/v1/quarantine?limit=1'), 200)
    const { body: second } = await done(
      org.admin.get(`/v1/quarantine?limit=1&cursor=${first.nextCursor}`),
      200,
    )
    expect([first.data[0].id, second.data[0].id]).toEqual(all.map(({ id }: { id: string }) => id))
    expect(second.nextCursor).toBeNull()
    await done(release(all[1].id), 200)
    expect(await quarantine()).toHaveLength(1)
  })

  it('is for admins of the same organization', async () => {
    await newAccount()
    await post(service, forged())
    const [item] = await quarantine()
    const agent = await org.addAgent()
    const other = await TestOrganization.create(service)

    await refused(org.as(agent).get('/v1/quarantine'), 403, 'forbidden')
    await refused(other.admin.post(`/v1/quarantine/${item.id}/release`), 404, 'not_found')
    const { body } = await done(other.admin.get('/v1/quarantine'), 200)
    expect(body.data).toEqual([])
  })
})
