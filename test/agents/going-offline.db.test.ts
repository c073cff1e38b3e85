import { afterAll, beforeAll, expect, it } from 'vitest'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

it('an agent who goes offline gives back what they have not accepted and keeps what they have', async () => {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent()
  const kept = await org.acceptedConversation(agent, number)
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  const offered = await org.conversationOf(customer, ({ status }) => status === 'active')

  await done(org.as(agent).put('/v1/me/presence', { presence: 'offline' }), 200)

  const given = await org.conversation(offered.id)
  expect(given).toMatchObject({ status: 'open', agentId: null, offeredAt: null })
  expect(await org.conversation(kept.id)).toMatchObject({ status: 'active', agentId: agent.id })
  expect((await done(org.as(agent).get('/v1/me'), 200)).body.usedUnits).toBe(1)
})

it('a raised capacity lets what waits be offered', async () => {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent({ capacityUnits: 1 })
  await org.acceptedConversation(agent, number)
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  const waiting = await org.conversationOf(customer, ({ queueId }) => queueId !== null)

  await done(org.admin.patch(`/v1/agents/${agent.id}`, { capacityUnits: 2 }), 200)

  expect(waiting.status).toBe('open')
  const offered = await eventually(
    async () => (await org.admin.get(`/v1/conversations/${waiting.id}`)).body,
    ({ status }) => status === 'active',
  )
  expect(offered.agentId).toBe(agent.id)
})
