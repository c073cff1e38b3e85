import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadSize } from '../../src/bench/load-size.js'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { type Explained, PlanLog, scansIn, startExplained } from '../support/plans.js'

const written = 5_000
const mostPages = 500
const size = { organizations: 2, conversations: 1_000 }

let explained: Explained
beforeAll(async () => {
  explained = await startExplained({}, (sql) =>
    loadSize({ database: sql, size, organizationId: null, say: () => undefined }),
  )
}, 120_000)
afterAll(() => explained.close())

it('an organization that came after the last ANALYZE is looked up by index as any other', async () => {
  const { service, sql } = explained
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent()
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  const { id } = await org.conversationOf(customer, ({ status }) => status === 'active')
  const other = newCustomer()
  await org.customerTexts(other, number, 'Hello')
  const { id: longOne } = await org.conversationOf(other)
  const worker = org.as(agent)
  await done(worker.post(`/v1/conversations/${id}/accept`), 200)
  await sql.query(
    `INSERT INTO messages OVERRIDING SYSTEM VALUE
     SELECT (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(), 'provider_message_id', NULL,
       'seq', nextval(pg_get_serial_sequence('messages', 'seq'))))).*
     FROM messages m, generate_series(1, $2::int) WHERE m.org_id = $1 AND m.conversation_id = $3`,
    [org.id, written, longOne],
  )
  const log = await PlanLog.open(service.databaseUrl)

  for (const text of ['One moment', 'I look', 'It is on its way']) {
    const { body } = await done(worker.post(`/v1/conversations/${id}/messages`, { text }), 202)
    await org.message(id, body.id, ({ status }) => status === 'delivered')
  }

  const scans = (await log.read()).flatMap(scansIn)
  const ofMessages = scans.filter(({ relation }) => relation === 'messages')
  expect(ofMessages.length).toBeGreaterThan(0)
  expect(ofMessages.filter(({ rows, pages }) => Math.max(rows, pages) > mostPages)).toEqual([])
})
