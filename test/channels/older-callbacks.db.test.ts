import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { takePendingCallbacks } from '../../src/channels/callback-repository.js'
import { migrate } from '../../src/db/migrate.js'
import { newId } from '../../src/lib/ids.js'
import { createEmptyDatabase } from '../support/database.js'
import { standingCallbacks } from '../support/inbox.js'
import { startService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const migrations = join('prisma', 'migrations')
const change = '20261122190000_inbox_apart'

it('callbacks that were stored before the inbox had a table of its own wait, or are kept, as they did', async () => {
  const database = await createEmptyDatabase()
  const earlier = await mkdtemp(join(tmpdir(), 'parley-earlier-'))
  for (const name of (await readdir(migrations)).filter((each) => each < change))
    await cp(join(migrations, name), join(earlier, name), { recursive: true })
  await migrate(database.url, { directory: earlier })
  const place = { databaseUrl: database.url }
  const [orgId, accountId] = [newId(), newId()]
  await runSql(
    place,
    `INSERT INTO organizations (id, name, created_at, updated_at) VALUES ($1, 'Older', now(), now())`,
    [orgId],
  )
  await runSql(
    place,
    `INSERT INTO channel_accounts (org_id, id, name, channel, provider, provider_account_id, secret, secret_last_four,
       callback_token, created_at, updated_at) VALUES ($1, $2, 'Older', 'sms', 'twilio', 'AC1', 'sealed', '1234', 'older', now(), now())`,
    [orgId, accountId],
  )
  await runSql(
    place,
    `INSERT INTO callbacks (org_id, id, account_id, kind, provider_key, lane, url, content_type, body, state, reason, attempts,
       received_at, due_at, processed_at)
     SELECT $1, gen_random_uuid(), $2, 'message', 'SM' || n, '+1425' || n, '', '', 'n=' || n, state::callback_state, reason, attempts,
       now(), now(), CASE WHEN state IN ('done', 'set_aside') THEN now() END
     FROM (VALUES (1, 'done', NULL, 0), (2, 'pending', NULL, 0), (3, 'pending', NULL, 1), (4, 'pending', 'processing_failed', 2),
       (5, 'set_aside', 'unknown_number', 3), (6, 'quarantined', 'signature_mismatch', 0)) AS older(n, state, reason, attempts)
     ORDER BY n`,
    [orgId, accountId],
  )

  await migrate(database.url, { directory: migrations })
  const service = await startService({ ...place, idle: true })
  const waiting = await service.parts.db.inOrg(orgId, (tx) => takePendingCallbacks(tx, new Date(), 10))
  const all = await standingCallbacks(place, orgId)

  expect(waiting.map(({ body, attempts, isDoubtful }) => [body, attempts, isDoubtful])).toEqual([
    ['n=2', 0, false],
    ['n=3', 1, false],
    ['n=4', 2, true],
  ])
  expect(all.map(({ state, reason, attempts }) => [state, reason, attempts])).toEqual([
    ['done', null, 0],
    ['pending', null, 0],
    ['pending', null, 1],
    ['pending', null, 2],
    ['set_aside', 'unknown_number', 3],
    ['quarantined', 'signature_mismatch', 0],
  ])
  await service.close()
  await database.drop()
  await rm(earlier, { recursive: true })
})
