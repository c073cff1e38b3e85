import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestClock } from '../support/clock.js'
import { EventListener } from '../support/event-listener.js'
import {
  done,
  newCustomer,
  refused,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

interface Desk {
  org: TestOrganization
  number: TestNumber
  /** Has the conversation */
  first: TestAgent
  /** Is to take it over */
  second: TestAgent
  id: string
  customer: string
}

/** A conversation that the first of two agents has accepted. */
async function desk(): Promise<Desk> {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const first = await org.addAgent()
  const customer = newCustomer()
  const { id } = await org.acceptedConversation(first, number, customer)
  return { org, number, first, second: await org.addAgent(), id, customer }
}

const transfer = ({ org, id }: Desk, by: TestAgent, to: object) =>
  org.as(by).post(`/v1/conversations/${id}/transfer`, to)
const does = async ({ org, id }: Desk, agent: TestAgent, step: string) =>
  (await done(org.as(agent).post(`/v1/conversations/${id}/${step}`), 200)).body
const usedBy = async ({ org }: Desk, { id }: TestAgent) =>
  (await org.admin.get(`/v1/agents/${id}`)).body.usedUnits
const sessionsOf = async ({ org, id }: Desk) =>
  (await org.admin.get(`/v1/conversations/${id}/sessions`)).body.data
const happeningsOf = async ({ org, id }: Desk): Promise<string[]> =>
  (await org.admin.get(`/v1/conversations/${id}/history`)).body.data.map((step: any) => step.happening)
const mine = async ({ org, id }: Desk, agent: TestAgent): Promise<boolean> =>
  (await org.as(agent).get('/v1/conversations?view=mine')).body.data.some((row: any) => row.id === id)

/** The second agent is asked and has not answered. */
async function pending(at: Desk): Promise<any> {
  return (await done(transfer(at, at.first, { agentId: at.second.id }), 200)).body
}

describe('a supervisor’s transfer to an agent', () => {
  it('leaves the first agent as a consultant, without capacity, once the second has accepted', async () => {
    const at = await desk()
    const { org, id, first, second } = at
    const supervisor = await org.addAgent({ role: 'supervisor', presence: 'offline' })
    const stream = await EventListener.open(service, first.key)
    await done(transfer(at, supervisor, { agentId: second.id }), 200)
    const asked = (await done(org.as(first).get(`/v1/conversations/${id}/consults`), 200)).body.data

    await does(at, second, 'accept')
    const told = await stream.first(({ type }) => type === 'conversation.participants_changed')
    stream.stop()

    const consults = (await done(org.as(first).get(`/v1/conversations/${id}/consults`), 200)).body.data
    expect(asked).toEqual([])
    expect(consults).toMatchObject([
      { agentId: first.id, invitedBy: supervisor.id, status: 'accepted', endedAt: null },
    ])
    expect(told.data.consult).toEqual(consults[0])
    expect([await usedBy(at, first), await usedBy(at, second)]).toEqual([0, 1])
    expect(await sessionsOf(at)).toMatchObject([
      { agentId: first.id, closureReason: 'supervisor_transfer_to_agent' },
      {
        agentId: second.id,
        participants: [
          { mode: 'primary', agentId: second.id },
          { mode: 'consult', agentId: first.id },
        ],
      },
    ])
    await done(org.as(first).post(`/v1/conversations/${id}/notes`, { text: 'They asked before' }), 201)
    await refused(org.as(first).post(`/v1/conversations/${id}/messages`, { text: 'Hello' }), 403, 'forbidden')
    await done(org.as(second).post(`/v1/conversations/${id}/consults/${consults[0].id}/remove`), 200)
    await refused(org.as(first).get(`/v1/conversations/${id}`), 404, 'not_found')
  })

  it('sends away whoever consulted before, the second agent included', async () => {
    const at = await desk()
    const { org, id, first, second } = at
    const supervisor = await org.addAgent({ role: 'supervisor', presence: 'offline' })
    const expert = await org.addAgent({ queues: [] })
    for (const agent of [second, expert]) {
      await done(org.as(first).post(`/v1/conversations/${id}/consults`, { agentId: agent.id }), 201)
      await does(at, agent, 'accept')
    }
    await done(transfer(at, supervisor, { agentId: second.id }), 200)

    await does(at, second, 'accept')

    const { data } = (await done(org.admin.get(`/v1/conversations/${id}/consults`), 200)).body
    expect(data.map(({ agentId, endReason }: any) => [agentId, endReason])).toEqual([
      [second.id, 'session_ended'],
      [expert.id, 'session_ended'],
      [first.id, null],
    ])
    await refused(org.as(expert).get(`/v1/conversations/${id}`), 404, 'not_found')
  })

  it('leaves it with the first agent where the second declines', async () => {
    const at = await desk()
    const supervisor = await at.org.addAgent({ role: 'supervisor', presence: 'offline' })
    await done(transfer(at, supervisor, { agentId: at.second.id }), 200)

    const after = await does(at, at.second, 'reject')

    expect(after).toMatchObject({ agentId: at.first.id, transfer: null })
    const { data } = (await done(at.org.admin.get(`/v1/conversations/${at.id}/consults`), 200)).body
    expect(data).toEqual([])
  })
})

describe('a transfer to an agent', () => {
  it('leaves it with the first agent until the second accepts', async () => {
    const at = await desk()
    const heard = await EventListener.open(service, at.second.key)

    const asked = await pending(at)
    const offer = await heard.first(({ type }) => type === 'conversation.offered')
    const wasMine = await mine(at, at.second)
    const before = [await usedBy(at, at.first), await usedBy(at, at.second)]
    const taken = await does(at, at.second, 'accept')
    await heard.first(({ type }) => type === 'conversation.transferred')
    heard.stop()

    expect(asked).toMatchObject({ status: 'active', agentId: at.first.id, transferCount: 0 })
    expect(asked.transfer).toMatchObject({ agentId: at.second.id, requestedBy: at.first.id })
    expect(Date.parse(asked.transfer.expiresAt) - Date.parse(asked.transfer.offeredAt)).toBe(120_000)
    expect(offer.data.offer).toMatchObject({
      kind: 'transfer',
      firstText: 'Hello',
      offerExpiresAt: asked.transfer.expiresAt,
    })
    expect(wasMine).toBe(true)
    expect(before).toEqual([1, 0])
    expect(taken).toMatchObject({
      status: 'active',
      agentId: at.second.id,
      transfer: null,
      transferCount: 1,
      offeredAt: asked.transfer.offeredAt,
    })
    expect([await usedBy(at, at.first), await usedBy(at, at.second)]).toEqual([0, 1])
    expect(await sessionsOf(at)).toMatchObject([
      { agentId: at.first.id, closureReason: 'agent_transferred' },
      {
        agentId: at.second.id,
        offeredAt: asked.transfer.offeredAt,
        acceptedAt: taken.acceptedAt,
        closedAt: null,
      },
    ])
    expect((await happeningsOf(at)).slice(-2)).toEqual(['transfer_offered', 'transfer_accepted'])
    await refused(at.org.as(at.first).post(`/v1/conversations/${at.id}/end`), 409, 'already_assigned')
    expect(await mine(at, at.first)).toBe(false)
  })

  it('while it is pending the first agent goes on answering, and accepts once more without effect', async () => {
    const at = await desk()
    await pending(at)

    await at.org.customerTexts(at.customer, at.number, 'Hello?')
    await at.org.conversation(at.id, ({ unreadCount }) => unreadCount === 2)
    const again = await does(at, at.first, 'accept')
    await done(at.org.as(at.first).post(`/v1/conversations/${at.id}/messages`, { text: 'One moment' }), 202)

    expect(again).toMatchObject({ agentId: at.first.id, transfer: { agentId: at.second.id } })
    await refused(transfer(at, at.first, { agentId: at.second.id }), 409, 'invalid_transition')
  })

  it.each<[string, string, (at: Desk) => Promise<unknown>]>([
    ['is rejected', 'agent_reject', (at) => does(at, at.second, 'reject')],
    [
      'is not answered for 120 seconds',
      'agent_timeout',
      async (at) => {
        clock.forward(120_000)
        await at.org.conversation(at.id, (row) => row.transfer === null)
      },
    ],
    [
      'is to an agent who goes offline',
      'agent_disconnected',
      (at) => done(at.org.as(at.second).put('/v1/me/presence', { presence: 'offline' }), 200),
    ],
  ])('stays with the first where it %s', async (_what, reason, happen) => {
    const at = await desk()
    await pending(at)
    const heard = await EventListener.open(service, at.first.key)

    await happen(at)
    const told = await heard.first(({ type }) => type === 'conversation.assigned')
    heard.stop()

    const after = await at.org.conversation(at.id)
    expect(after).toMatchObject({ status: 'active', agentId: at.first.id, transfer: null, transferCount: 0 })
    expect(told.data.conversation).toMatchObject({ agentId: at.first.id, transfer: null })
    expect(await sessionsOf(at)).toMatchObject([
      { agentId: at.first.id, closedAt: null },
      { agentId: at.second.id, acceptedAt: null, closureReason: reason },
    ])
    expect([await usedBy(at, at.first), await usedBy(at, at.second)]).toEqual([1, 0])
    await refused(at.org.as(at.second).get(`/v1/conversations/${at.id}`), 404, 'not_found')
    await does(at, at.first, 'end')
  })

  it.each([
    ['closes', 'close', 'waiting', 'system_reject'],
    ['ends', 'end', 'wrap_up', 'system_reject'],
    ['releases', 'release', 'open', 'system_reject'],
    ['loses', 'force-close', 'closed', 'force_close'],
  ])('is taken back where the first agent %s the conversation', async (_what, step, status, reason) => {
    const at = await desk()
    await pending(at)
    // So that what is released stays open
    await done(at.org.as(at.first).put('/v1/me/presence', { presence: 'away' }), 200)
    await done(at.org.as(at.second).put('/v1/me/presence', { presence: 'away' }), 200)

    const call = `/v1/conversations/${at.id}/${step}`
    await done(step === 'force-close' ? at.org.admin.post(call) : at.org.as(at.first).post(call), 200)

    const after = await at.org.conversation(at.id)
    expect(after).toMatchObject({ status, transfer: null, transferCount: 0 })
    expect((await sessionsOf(at))[1]).toMatchObject({ agentId: at.second.id, closureReason: reason })
    expect(await usedBy(at, at.second)).toBe(0)
    const answer = await at.org.as(at.second).post(`/v1/conversations/${at.id}/accept`)
    expect([404, 409]).toContain(answer.status)
  })

  it('of two who act at the same instant one wins, and capacity is what is held', async () => {
    const at = await desk()
    await pending(at)

    const [taken, ended] = await Promise.all([
      at.org.as(at.second).post(`/v1/conversations/${at.id}/accept`),
      at.org.as(at.first).post(`/v1/conversations/${at.id}/close`),
    ])

    const { agentId, status } = await at.org.conversation(at.id)
    expect([taken.status, ended.status].filter((each) => each === 200)).toHaveLength(1)
    expect([agentId, status]).toEqual(
      taken.status === 200 ? [at.second.id, 'active'] : [at.first.id, 'waiting'],
    )
    const used = [await usedBy(at, at.first), await usedBy(at, at.second)]
    expect(used).toEqual(taken.status === 200 ? [0, 1] : [0, 0])
  })

  it.each(['do_not_disturb', 'away', 'offline'])('is refused to one who is %s', async (presence) => {
    const at = await desk()
    await done(at.org.as(at.second).put('/v1/me/presence', { presence }), 200)

    await refused(transfer(at, at.first, { agentId: at.second.id }), 409, 'conflict')
  })

  it('is refused where the organization has it off, and to the agent who has it', async () => {
    const at = await desk()
    await refused(transfer(at, at.first, { agentId: at.first.id }), 409, 'conflict')

    await done(at.org.admin.put('/v1/supervision-settings', { transferToAgents: false }), 200)

    await refused(transfer(at, at.first, { agentId: at.second.id }), 403, 'forbidden')
    await done(transfer(at, at.first, { queueId: await at.org.addQueue() }), 200)
  })
})

describe('a transfer to a queue', () => {
  it('opens it there at once, and does not come back to who gave it on', async () => {
    const at = await desk()
    const queueId = await at.org.addQueue()
    const specialist = await at.org.addAgent({ queues: [queueId], capacityUnits: 1 })
    await done(at.org.admin.put(`/v1/queues/${queueId}/members/${at.first.id}`), 204)
    const heard = await EventListener.open(service, at.first.key)

    const moved = (await done(transfer(at, at.first, { queueId }), 200)).body
    const told = await heard.first(({ type }) => type === 'conversation.transferred')
    heard.stop()

    expect(moved).toMatchObject({ status: 'open', queueId, agentId: null, transferCount: 1 })
    expect(told.data.conversation).toMatchObject({ queueId, status: 'open' })
    await at.org.conversation(at.id, ({ agentId }) => agentId === specialist.id)
    expect((await sessionsOf(at))[0]).toMatchObject({ closureReason: 'agent_transfer_to_queue' })
    expect(await usedBy(at, at.first)).toBe(0)
  })

  it('takes back one to an agent that is pending', async () => {
    const at = await desk()
    await pending(at)

    const moved = (await done(transfer(at, at.first, { queueId: await at.org.addQueue() }), 200)).body

    expect(moved).toMatchObject({ status: 'open', transfer: null })
    expect((await sessionsOf(at))[1]).toMatchObject({ closureReason: 'system_reject' })
  })

  it('is refused while the queue has no operating hours', async () => {
    const at = await desk()
    const weekly = Object.fromEntries(
      ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'].map((day) => [day, []]),
    )
    const hours = { name: 'Never', timeZone: 'UTC', weekly }
    const { body } = await done(at.org.admin.post('/v1/operating-hours', hours), 201)
    const queue = { name: 'Night shift', operatingHoursId: body.id }
    const queueId = (await done(at.org.admin.post('/v1/queues', queue), 201)).body.id

    await refused(transfer(at, at.first, { queueId }), 409, 'conflict')
  })

  it('is refused to the queue in which it is', async () => {
    const at = await desk()

    await refused(transfer(at, at.first, { queueId: await at.org.defaultQueue() }), 409, 'conflict')
  })
})

describe('who transfers', () => {
  it('is the agent who has it, not another one, and not before it is accepted', async () => {
    const at = await desk()
    const customer = newCustomer()
    await refused(transfer(at, at.second, { agentId: at.second.id }), 409, 'already_assigned')

    await at.org.customerTexts(customer, at.number, 'Hello')
    const offered = await at.org.conversationOf(customer, ({ status }) => status === 'active')
    const holder = offered.agentId === at.first.id ? at.first : at.second

    await refused(
      transfer({ ...at, id: offered.id }, holder, { queueId: await at.org.addQueue() }),
      409,
      'invalid_transition',
      { allowed: ['accept', 'reject', 'release', 'force-close'] },
    )
  })

  it('is a supervisor for the agents of its queue, and the first agent’s session says so', async () => {
    const at = await desk()
    const supervisor = await at.org.addAgent({ role: 'supervisor', presence: 'offline' })
    const stranger = await at.org.addAgent({ queues: [] })
    await refused(transfer(at, supervisor, { agentId: stranger.id }), 409, 'conflict')

    await done(transfer(at, supervisor, { agentId: at.second.id }), 200)
    await does(at, at.second, 'accept')

    expect((await sessionsOf(at))[0]).toMatchObject({ closureReason: 'supervisor_transfer_to_agent' })
    const { body } = await at.org.admin.get(`/v1/conversations/${at.id}/history`)
    expect(body.data.at(-2).by).toEqual({ type: 'supervisor', id: supervisor.id })
  })

  it('is a supervisor for a waiting one: it is offered, within the agent’s capacity', async () => {
    const at = await desk()
    const supervisor = await at.org.addAgent({ role: 'supervisor', presence: 'offline' })
    const full = await at.org.addAgent({ capacityUnits: 0 })
    await does(at, at.first, 'close')
    await refused(transfer(at, supervisor, { agentId: full.id }), 409, 'conflict')

    const offered = (await done(transfer(at, supervisor, { agentId: at.second.id }), 200)).body
    const accepted = await does(at, at.second, 'accept')

    expect(offered).toMatchObject({
      status: 'active',
      agentId: at.second.id,
      acceptedAt: null,
      transfer: null,
    })
    expect(accepted.acceptedAt).not.toBeNull()
    expect(await usedBy(at, at.second)).toBe(1)
  })

  it.each([{}, { agentId: 'x' }, { both: true }])(
    'names one agent or one queue: %j is refused',
    async (to) => {
      const at = await desk()
      const body = 'both' in to ? { agentId: at.second.id, queueId: await at.org.addQueue() } : to

      await refused(transfer(at, at.first, body), 422, 'validation_failed')
    },
  )
})
