import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { done, TestOrganization } from '../support/organization.js'
import { explainEverything, PlanLog } from '../support/plans.js'
import { eventually, startService, type TestService } from '../support/service.js'

let database: TestDatabase
let service: TestService

beforeAll(async () => {
  database = await createTestDatabase()
  await explainEverything(database.url)
  service = await startService({ databaseUrl: database.url })
})
afterAll(async () => {
  await service.close()
  await database.drop()
})

it('an organization without automatic messages pays no statement for them when customers write and agents answer', async () => {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent()
  const { id, customerAddress } = await org.acceptedConversation(agent, number)
  const log = await PlanLog.open(database.url)

  for (const turn of [1, 2, 3]) {
    await org.customerTexts(customerAddress, number, `Question ${turn}`)
    const sent = await done(
      org.as(agent).post(`/v1/conversations/${id}/messages`, { text: `Answer ${turn}` }),
      202,
    )
    await org.message(id, sent.body.id, ({ status }) => status === 'delivered')
  }
  await eventually(
    () => org.messages(id),
    (messages) => messages.length === 7,
  )
  const statements = (await log.read()).map(({ statement }) => statement)

  expect(statements.filter((statement) => /insert into messages/i.test(statement))).not.toEqual([])
  expect(statements.filter((statement) => /from automatic_messages/i.test(statement))).toEqual([])
})
