import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestDatabase } from '../support/database.js'
import { done, TestOrganization } from '../support/organization.js'
import { createExplainedDatabase, PlanLog, scansIn } from '../support/plans.js'
import { startService, type TestService } from '../support/service.js'
import { openSql } from '../support/sql.js'

const past = 5_000

let database: TestDatabase
let service: TestService
let sql: Awaited<ReturnType<typeof openSql>>
beforeAll(async () => {
  database = await createExplainedDatabase()
  sql = await openSql({ databaseUrl: database.url })
  service = await startService({ databaseUrl: database.url })
}, 120_000)
afterAll(async () => {
  await service.close()
  await sql.end()
  await database.drop()
})

it('what an agent closed today is found without reading all that they ever closed', async () => {
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
  const log = await PlanLog.open(database.url)

  const { body } = await done(org.as(agent).get('/v1/conversations?view=closed_today&limit=50'), 200)

  expect(body.data).toMatchObject([{ id }])
  const scans = (await log.read()).flatMap(scansIn).filter(({ relation }) => relation === 'conversations')
  expect(scans.length).toBeGreaterThan(0)
  expect(scans.filter(({ rows, pages }) => Math.max(rows, pages) > 100)).toEqual([])
})
