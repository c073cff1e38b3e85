import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done, newCustomer, refused, type TestAgent, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

async function newOrganization() {
  org = await TestOrganization.create(service)
  return org.addNumber('twilio sms')
}

type Number = Awaited<ReturnType<typeof newOrganization>>

async function openConversation(number: Number): Promise<string> {
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
}

const offeredTo = (agent: TestAgent, id: string) =>
  org.conversation(id, (row) => row.status === 'active' && row.agentId === agent.id && !row.acceptedAt)

const accept = (agent: TestAgent, id: string) => org.as(agent).post(`/v1/conversations/${id}/accept`)
const reject = (agent: TestAgent, id: string) =>
  done(org.as(agent).post(`/v1/conversations/${id}/reject`), 200)

/** Another conversation is offered to the agent, so what came before it has been looked at, too. */
async function routingHasPassed(agent: TestAgent, number: Number): Promise<void> {
  await offeredTo(agent, await openConversation(number))
}

describe('accepting', () => {
  it('the offered agent accepts; doing it twice changes nothing', async () => {
    const number = await newOrganization()
    const agent = await org.addAgent()
    const id = await openConversation(number)
    await offeredTo(agent, id)

    const first = (await done(accept(agent, id), 200)).body
    clock.forward(5)
    const second = (await done(accept(agent, id), 200)).body

    expect(first).toMatchObject({ status: 'active', statusReason: 'in_conversation', offerExpiresAt: null })
    expect(second).toEqual(first)
  })

  it('another agent of the queue is told that it is assigned, before and after', async () => {
    const number = await newOrganization()
    const agent = await org.addAgent({ capacityUnits: 9 })
    const other = await org.addAgent({ capacityUnits: 1 })
    const id = await openConversation(number)
    await offeredTo(agent, id)

    await refused(accept(other, id), 409, 'already_assigned')
    await done(accept(agent, id), 200)

    await refused(accept(other, id), 409, 'already_assigned')
    expect(await org.conversation(id)).toMatchObject({ agentId: agent.id })
  })

  it('an agent outside the queue does not learn that the conversation exists', async () => {
    const number = await newOrganization()
    await org.addAgent()
    const stranger = await org.addAgent({ queues: [] })
    const id = await openConversation(number)

    await refused(accept(stranger, id), 404, 'not_found')
  })

  it('only the first of many accepts at the same instant begins the conversation', async () => {
    const number = await newOrganization()
    const agent = await org.addAgent()
    const id = await openConversation(number)
    await offeredTo(agent, id)

    const answers = await Promise.all(Array.from({ length: 8 }, () => accept(agent, id)))

    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(new Set(answers.map(({ body }) => body.acceptedAt)).size).toBe(1)
  })
})

describe('declining', () => {
  it('a rejected offer goes to the next agent', async () => {
    const number = await newOrganization()
    const first = await org.addAgent({ capacityUnits: 9 })
    const second = await org.addAgent({ capacityUnits: 5 })
    const id = await openConversation(number)
    await offeredTo(first, id)

    const answer = (await reject(first, id)).body

    expect(answer).toMatchObject({ status: 'open', agentId: null, offeredAt: null, offerExpiresAt: null })
    const offered = await offeredTo(second, id)
    expect(Date.parse(offered.offerExpiresAt) - Date.parse(offered.offeredAt)).toBe(seconds(120))
    await refused(accept(first, id), 409, 'already_assigned')
  })

  it('the same agent is not asked again within 60 seconds, and is after them', async () => {
    const number = await newOrganization()
    const agent = await org.addAgent()
    const id = await openConversation(number)
    await offeredTo(agent, id)
    clock.holdAt(clock.now())
    await reject(agent, id)

    clock.forward(seconds(60) - 1)
    await routingHasPassed(agent, number)
    const before = await org.conversation(id)
    clock.forward(1)
    const after = await offeredTo(agent, id)
    clock.runOn()

    expect(before).toMatchObject({ status: 'open', agentId: null })
    expect(Date.parse(after.offeredAt) - Date.parse(before.statusUpdatedAt)).toBe(seconds(60))
  })

  it('an agent who has declined three times is not asked a fourth time, and another one is', async () => {
    const number = await newOrganization()
    const agent = await org.addAgent()
    const id = await openConversation(number)
    for (let declined = 0; declined < 3; declined++) {
      await offeredTo(agent, id)
      await reject(agent, id)
      clock.forward(seconds(61))
    }

    await routingHasPassed(agent, number)
    const left = await org.conversation(id)
    const other = await org.addAgent({ capacityUnits: 1 })

    expect(left.status).toBe('open')
    await offeredTo(other, id)
  })

  it('an offer that nobody answers for 120 seconds goes to the next agent', async () => {
    const number = await newOrganization()
    const first = await org.addAgent({ capacityUnits: 9 })
    const second = await org.addAgent({ capacityUnits: 5 })
    const id = await openConversation(number)
    const { offerExpiresAt } = await offeredTo(first, id)

    clock.holdAt(new Date(Date.parse(offerExpiresAt) - 1))
    await service.parts.jobs.wake('timers', org.id)
    await routingHasPassed(first, number)
    const before = await org.conversation(id)
    clock.forward(1)
    await offeredTo(second, id)
    clock.runOn()

    expect(before).toMatchObject({ status: 'active', agentId: first.id })
    const { body } = await org.admin.get(`/v1/conversations/${id}/sessions`)
    expect(body.data).toMatchObject([
      { agentId: first.id, closureReason: 'agent_timeout', acceptedAt: null },
      { agentId: second.id, closedAt: null },
    ])
    expect((await org.admin.get(`/v1/agents/${first.id}`)).body.usedUnits).toBe(1)
  })

  it('an agent who goes offline gives the offer to the next one, and does not get it back within 60 seconds', async () => {
    const number = await newOrganization()
    const first = await org.addAgent({ capacityUnits: 9 })
    const id = await openConversation(number)
    await offeredTo(first, id)
    await done(org.as(first).put('/v1/me/presence', { presence: 'offline' }), 200)

    await done(org.as(first).put('/v1/me/presence', { presence: 'available' }), 200)
    await routingHasPassed(first, number)
    const before = await org.conversation(id)
    const second = await org.addAgent({ capacityUnits: 1 })

    expect(before.status).toBe('open')
    await offeredTo(second, id)
  })

  it('a released conversation goes to the next agent', async () => {
    const number = await newOrganization()
    const first = await org.addAgent({ capacityUnits: 9 })
    const id = (await org.acceptedConversation(first, number)).id
    const second = await org.addAgent({ capacityUnits: 5 })

    await done(org.as(first).post(`/v1/conversations/${id}/release`), 200)

    await offeredTo(second, id)
  })
})

describe('when nobody is free', () => {
  it.each(['do_not_disturb', 'away', 'offline'])(
    'it stays open while the only agent is %s, and is offered when they are available',
    async (presence) => {
      const number = await newOrganization()
      const agent = await org.addAgent({ presence })
      const other = await org.addQueue()
      await org.addAgent({ queues: [other] })
      const id = await openConversation(number)
      const waiting = await org.conversation(id)

      await done(org.as(agent).put('/v1/me/presence', { presence: 'available' }), 200)

      expect(waiting).toMatchObject({ status: 'open', agentId: null })
      await offeredTo(agent, id)
    },
  )

  it('it is offered to an agent who joins the queue', async () => {
    const number = await newOrganization()
    const agent = await org.addAgent({ queues: [] })
    const id = await openConversation(number)

    await done(org.admin.put(`/v1/queues/${await org.defaultQueue()}/members/${agent.id}`), 204)

    await offeredTo(agent, id)
  })

  it('who has waited longest is offered first', async () => {
    const number = await newOrganization()
    const ids = [
      await openConversation(number),
      await openConversation(number),
      await openConversation(number),
    ]
    const agent = await org.addAgent({ capacityUnits: 1 })

    const order: string[] = []
    for (const id of ids) {
      await offeredTo(agent, id)
      order.push(id)
      await done(accept(agent, id), 200)
      await done(org.as(agent).post(`/v1/conversations/${id}/close`), 200)
    }

    expect(order).toEqual(ids)
  })
})
