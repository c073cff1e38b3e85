import { afterAll, beforeAll, expect, it } from 'vitest'
import { done, newCustomer, refused, type TestAgent, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

async function pickOrganization() {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  await org.addWorkstream(number, { distribution: 'pick' })
  const open = async () => {
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id as string
  }
  const pick = (agent: TestAgent, id: string) => org.as(agent).post(`/v1/conversations/${id}/pick`)
  const usedUnits = async (agent: TestAgent) =>
    (await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body.usedUnits
  return { org, open, pick, usedUnits }
}

it('a conversation of a pick workstream is offered to nobody, and is accepted at once by who picks it', async () => {
  const { org, open, pick } = await pickOrganization()
  const pushed = await org.addNumber('twilio sms')
  const agent = await org.addAgent()
  const id = await open()
  const customer = newCustomer()
  await org.customerTexts(customer, pushed, 'Hello')
  await org.conversationOf(customer, ({ status }) => status === 'active')
  const before = await org.conversation(id)

  const picked = (await done(pick(agent, id), 200)).body

  expect(before).toMatchObject({ status: 'open', agentId: null })
  expect(picked).toMatchObject({ status: 'active', agentId: agent.id, offeredAt: null, offerExpiresAt: null })
  expect(picked.acceptedAt).not.toBeNull()
})

it('of several agents who pick at the same instant one gets it, and the others are told so', async () => {
  const { org, open, pick, usedUnits } = await pickOrganization()
  const agents = [await org.addAgent(), await org.addAgent(), await org.addAgent(), await org.addAgent()]
  const id = await open()

  const answers = await Promise.all(agents.map((agent) => pick(agent, id)))

  const winners = agents.filter((_, index) => answers[index]?.status === 200)
  const refusals = answers.filter(({ status }) => status === 409)
  expect(winners).toHaveLength(1)
  expect(refusals.map(({ body }) => body.code)).toEqual(Array(3).fill('already_assigned'))
  expect(await org.conversation(id)).toMatchObject({ agentId: winners[0]?.id })
  expect(await Promise.all(agents.map(usedUnits))).toEqual(
    agents.map((agent) => (agent === winners[0] ? 1 : 0)),
  )
})

it('an agent may pick more than their capacity, and is offered nothing until they are below it again', async () => {
  const { org, open, pick, usedUnits } = await pickOrganization()
  const pushed = await org.addNumber('twilio sms')
  const agent = await org.addAgent({ capacityUnits: 1 })
  const ids = [await open(), await open()]
  for (const id of ids) await done(pick(agent, id), 200)
  const full = await usedUnits(agent)
  const customer = newCustomer()
  await org.customerTexts(customer, pushed, 'Hello')
  await org.conversationOf(customer, ({ queueId }) => queueId !== null)

  await done(org.as(agent).post(`/v1/conversations/${ids[0]}/close`), 200)
  const still = await org.conversationOf(customer)
  await done(org.as(agent).post(`/v1/conversations/${ids[1]}/close`), 200)

  expect(full).toBe(2)
  expect(still.status).toBe('open')
  await org.conversationOf(customer, ({ agentId }) => agentId === agent.id)
  expect(await usedUnits(agent)).toBe(1)
})

it('nobody picks from a queue that they are no member of, nor what is not open', async () => {
  const { org, open, pick } = await pickOrganization()
  const agent = await org.addAgent()
  const stranger = await org.addAgent({ queues: [] })
  const id = await open()

  await refused(pick(stranger, id), 404, 'not_found')
  await done(pick(agent, id), 200)

  await refused(pick(agent, id), 409, 'invalid_transition', {
    conversationStatus: 'active',
    allowed: ['accept', 'release', 'close', 'end', 'transfer', 'force-close', 'consult', 'send'],
  })
})

it('a key that names no agent cannot pick', async () => {
  const { org, open } = await pickOrganization()
  const id = await open()

  await refused(org.admin.post(`/v1/conversations/${id}/pick`), 403, 'forbidden')
})
