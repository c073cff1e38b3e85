import { afterAll, beforeAll, expect, it } from 'vitest'
import { takePendingCallbacks } from '../../src/channels/callback-repository.js'
import { TestOrganization } from '../support/organization.js'
import { type Explained, PlanLog, scansIn, startExplained } from '../support/plans.js'
import { addAccount, post, twilioText } from './provider-calls.js'

const batch = 250

let explained: Explained
beforeAll(async () => {
  explained = await startExplained({ idle: true })
}, 120_000)
afterAll(() => explained.close())

interface More {
  count: number
  state: 'done' | 'pending'
  /** Of so many other organizations, with an account each; 0: of the one that there is */
  organizations?: number
}

/** More callbacks like the first one. */
const multiply = ({ count, state, organizations = 0 }: More) =>
  explained.sql.query(
    `WITH more AS (
       INSERT INTO callbacks OVERRIDING SYSTEM VALUE
       SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(), 'provider_key', gen_random_uuid(),
         'seq', nextval('callbacks_seq_seq'),
         'org_id', CASE $3::int WHEN 0 THEN c.org_id ELSE md5((n % $3::int)::text)::uuid END,
         'account_id', CASE $3::int WHEN 0 THEN c.account_id ELSE md5((n % $3::int)::text)::uuid END))).*
       FROM callbacks c, generate_series(1, $1::int) n WHERE c.seq = (SELECT max(i.seq) FROM inbox i JOIN organizations o ON o.id = i.org_id)
       RETURNING *
     )
     INSERT INTO inbox (org_id, seq, callback_id, lane, stored_at, due_at)
     SELECT org_id, seq, id, lane, stored_at, stored_at FROM more WHERE $2 = 'pending'`,
    [count, state, organizations],
  )

// Each callback is looked up by its id: some pages of the index, and its own
const mostPages = 6 * batch

/** What takes read of the callbacks and of the inbox, each more than it takes. */
async function excessive(log: PlanLog) {
  const scans = (await log.read())
    .flatMap(scansIn)
    .filter(({ relation }) => relation === 'callbacks' || relation === 'inbox')
  expect(scans.length).toBeGreaterThan(0)
  return scans.filter(({ rows, pages }) => rows > 2 * batch || pages > mostPages)
}

const take = (org: TestOrganization) =>
  explained.service.parts.db.inOrg(org.id, (tx) =>
    takePendingCallbacks(tx, new Date(Date.now() + 60_000), batch),
  )

it('a plan that was made for a new inbox with hardly a callback is right for many as well', async () => {
  const { service, sql } = explained
  const org = await TestOrganization.create(service)
  const account = await addAccount(org)
  await post(service, twilioText(account))
  const onEachConnection = () => Promise.all(Array.from({ length: 10 }, () => take(org)))
  await onEachConnection()
  await sql.query('SET session_replication_role = replica')
  await multiply({ count: 20_000, state: 'done' })
  await multiply({ count: 5_000, state: 'pending' })
  const log = await PlanLog.open(service.databaseUrl)

  const taken = await onEachConnection()

  expect(taken.map(({ length }) => length)).toEqual(Array.from({ length: 10 }, () => batch))
  expect(await excessive(log)).toEqual([])
})

it('of a long inbox of an account with a long past, only what is taken is read', async () => {
  const { service, sql } = explained
  const org = await TestOrganization.create(service)
  const account = await addAccount(org)
  await post(service, twilioText(account))
  await sql.query('SET session_replication_role = replica')
  await multiply({ count: 20_000, state: 'done' })
  await multiply({ count: 20_000, state: 'done', organizations: 1_000 })
  await multiply({ count: 5_000, state: 'pending' })
  await sql.query('VACUUM ANALYZE')
  const log = await PlanLog.open(service.databaseUrl)

  const taken = await take(org)

  expect(taken).toHaveLength(batch)
  expect(await excessive(log)).toEqual([])
})
