import { afterAll, beforeAll, expect, it } from 'vitest'
import { done, refused, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

it('an organization without automatic messages pays no statement for them when customers write and agents answer', async () => {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent()
  const { id, customerAddress } = await org.acceptedConversation(agent, number)
  // A change is looked at anew: nothing that is remembered hides a statement
  const message = { channel: 'sms', trigger: 'agent_joined' }
  const made = (await done(org.admin.post('/v1/automatic-messages', message), 201)).body
  await done(org.admin.delete(`/v1/automatic-messages/${made.id}`), 204)

  // From here on, each would fail, and what it belongs to with it
  await runSql(service, 'REVOKE SELECT ON automatic_messages FROM parley_app')
  for (const turn of [1, 2, 3]) {
    await org.customerTexts(customerAddress, number, `Question ${turn}`)
    const path = `/v1/conversations/${id}/messages`
    const sent = await done(org.as(agent).post(path, { text: `Answer ${turn}` }), 202)
    await org.message(id, sent.body.id, ({ status }) => status === 'delivered')
  }
  const messages = await eventually(
    () => org.messages(id),
    (rows) => rows.length === 7,
  )
  await refused(org.as(agent).post(`/v1/conversations/${id}/end`), 500, 'internal_error')

  expect(messages.every(({ direction }) => direction !== 'internal')).toBe(true)
  await runSql(service, 'GRANT SELECT ON automatic_messages TO parley_app')
})
