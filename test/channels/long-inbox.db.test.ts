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
    `INSERT INTO callbacks OVERRIDING SYSTEM VALUE
     SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(), 'provider_key', gen_random_uuid(),
       'seq', nextval('callbacks_seq_seq'), 'state', $2::text, 'processed_at', CASE $2 WHEN 'done' THEN now() END,
       'org_id', CASE $3::int WHEN 0 THEN c.org_id ELSE md5((n % $3::int)::text)::uuid END,
       'account_id', CASE $3::int WHEN 0 THEN c.account_id ELSE md5((n % $3::int)::text)::uuid END))).*
     FROM callbacks c, generate_series(1, $1::int) n WHERE c.seq = (SELECT min(seq) FROM callbacks)`,
    [count, state, organizations],
  )

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

  const taken = await service.parts.db.inOrg(org.id, (tx) =>
    takePendingCallbacks(tx, new Date(Date.now() + 60_000), batch),
  )

  expect(taken).toHaveLength(batch)
  const scans = (await log.read()).flatMap(scansIn).filter(({ relation }) => relation === 'callbacks')
  expect(scans.length).toBeGreaterThan(0)
  expect(scans.filter(({ rows, pages }) => Math.max(rows, pages) > 2 * batch)).toEqual([])
})
