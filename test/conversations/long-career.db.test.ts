import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestClock } from '../support/clock.js'
import { done, TestOrganization } from '../support/organization.js'
import { type Explained, PlanLog, scansIn, startExplained } from '../support/plans.js'

const past = 5_000
/** Held at a noon: midnight must not come between closing and asking */
const clock = new TestClock()

let explained: Explained
beforeAll(async () => {
  explained = await startExplained({ clock })
}, 120_000)
afterAll(() => explained.close())

it('what an agent closed today is found without reading all that they ever closed', async () => {
  const { service, sql } = explained
  clock.holdAt(new Date(new Date().setUTCHours(36, 0, 0, 0)))
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent({ lasting: true })
  const { id } = await org.acceptedConversation(agent, number)
  for (const step of ['end', 'close']) await done(org.as(agent).post(`/v1/conversations/${id}/${step}`), 200)
  await sql.query('SET session_replication_role = replica')
  await sql.query(
    `INSERT INTO conversations SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(),
       'customer_address', n, 'closed_at', c.closed_at - interval '3 days'))).*
     FROM conversations c, generate_series(1, $1::int) n WHERE c.id = $2`,
    [past, id],
  )
  await sql.query('VACUUM ANALYZE')
  const log = await PlanLog.open(service.databaseUrl)

  const { body } = await done(org.as(agent).get('/v1/conversations?view=closed_today&limit=50'), 200)

  expect(body.data).toMatchObject([{ id }])
  const scans = (await log.read()).flatMap(scansIn).filter(({ relation }) => relation === 'conversations')
  expect(scans.length).toBeGreaterThan(0)
  expect(scans.filter(({ rows, pages }) => Math.max(rows, pages) > 100)).toEqual([])
})
