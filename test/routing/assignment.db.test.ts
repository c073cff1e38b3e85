import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import {
  done,
  newCustomer,
  refused,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

const setQueue = (id: string, change: object) => done(org.admin.patch(`/v1/queues/${id}`, change), 200)

/** A number whose customers come to this queue. */
async function numberFor(queueId: string, options: object = {}): Promise<TestNumber> {
  const number = await org.addNumber('twilio sms')
  await org.addWorkstream(number, { fallbackQueueId: queueId, ...options })
  return number
}

async function customerWaits(number: TestNumber): Promise<string> {
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
}

const isOffer = (row: any) => row.status === 'active' && row.acceptedAt === null
const offeredTo = (agent: TestAgent, id: string) =>
  org.conversation(id, (row) => isOffer(row) && row.agentId === agent.id)
const step = (agent: TestAgent, id: string, name: string) =>
  done(org.as(agent).post(`/v1/conversations/${id}/${name}`), 200)

/** Takes whatever is offered, one after the other, and answers the order in which that came. */
async function workOff(agent: TestAgent, count: number): Promise<string[]> {
  const order: string[] = []
  while (order.length < count) {
    const [id] = await offersOf(agent)
    order.push(id)
    await step(agent, id, 'accept')
    await step(agent, id, 'close')
  }
  return order
}

async function offersOf(agent: TestAgent): Promise<[string, ...string[]]> {
  const [first, ...others] = await eventually(
    async () =>
      (await org.as(agent).get('/v1/conversations?view=mine&status=active')).body.data.filter(isOffer),
    (rows: any[]) => rows.length > 0,
  )
  return [first.id, ...others.map(({ id }: any) => id)]
}

describe('the order in which what waits is offered', () => {
  it('the queue with the smaller priority comes first, and among equal queues whoever waits longest', async () => {
    org = await TestOrganization.create(service)
    const [late, urgent, equal] = [await org.addQueue(), await org.addQueue(), await org.addQueue()]
    await setQueue(urgent, { priority: 1 })
    const numbers = [await numberFor(late), await numberFor(urgent), await numberFor(equal)]
    const waiting: string[] = []
    for (const number of [...numbers, ...numbers]) waiting.push(await customerWaits(number))
    const [late1, urgent1, equal1, late2, urgent2, equal2] = waiting

    const agent = await org.addAgent({ capacityUnits: 1, queues: [late, urgent, equal] })

    expect(await workOff(agent, 6)).toEqual([urgent1, urgent2, late1, equal1, late2, equal2])
  })

  it('a customer who comes back is served before those who are new, though they have waited longer', async () => {
    org = await TestOrganization.create(service)
    const queue = await org.addQueue()
    const number = await numberFor(queue)
    const agent = await org.addAgent({ capacityUnits: 1, queues: [queue] })
    const customer = newCustomer()
    const known = await org.acceptedConversation(agent, number, customer)
    await step(agent, known.id, 'close')
    await done(org.as(agent).put('/v1/me/presence', { presence: 'away' }), 200)
    const fresh = await customerWaits(number)
    await org.customerTexts(customer, number, 'One more thing')
    await org.conversation(known.id, ({ status }) => status === 'open')

    await done(org.as(agent).put('/v1/me/presence', { presence: 'available' }), 200)

    expect(await workOff(agent, 2)).toEqual([known.id, fresh])
  })

  it('one that was declined keeps its place', async () => {
    org = await TestOrganization.create(service)
    const queue = await org.addQueue()
    const number = await numberFor(queue)
    const refuser = await org.addAgent({ capacityUnits: 1, queues: [queue] })
    const first = await customerWaits(number)
    await offeredTo(refuser, first)
    const second = await customerWaits(number)
    await done(org.as(refuser).put('/v1/me/presence', { presence: 'away' }), 200)
    await step(refuser, first, 'reject')

    const agent = await org.addAgent({ capacityUnits: 1, queues: [queue] })

    expect(await workOff(agent, 2)).toEqual([first, second])
  })

  it('what stands behind many that nobody free may take is offered in the same pass', async () => {
    org = await TestOrganization.create(service)
    const queue = await org.addQueue()
    const large = await numberFor(queue, { capacityUnits: 5 })
    const picked = await numberFor(queue, { distribution: 'pick' })
    const small = await numberFor(queue)
    for (const number of [large, picked, large, picked]) await customerWaits(number)
    const last = await customerWaits(small)

    const agent = await org.addAgent({ capacityUnits: 2, queues: [queue] })

    expect(await offersOf(agent)).toEqual([last])
  })
})

describe('who is offered it', () => {
  it('round robin: the members take turns in the order in which they joined, whatever they have to do', async () => {
    org = await TestOrganization.create(service)
    const queue = await org.addQueue()
    await setQueue(queue, { assignment: 'round_robin' })
    const number = await numberFor(queue)
    const agents = [
      await org.addAgent({ capacityUnits: 2, queues: [queue] }),
      await org.addAgent({ capacityUnits: 90, queues: [queue] }),
      await org.addAgent({ capacityUnits: 20, queues: [queue] }),
    ]

    const turns: number[] = []
    for (let n = 0; n < 6; n++) {
      const id = await customerWaits(number)
      const { agentId } = await org.conversation(id, isOffer)
      turns.push(agents.findIndex(({ id }) => id === agentId))
      clock.forward(seconds(1))
    }

    expect(turns).toEqual([0, 1, 2, 0, 1, 2])
  })

  it('least active: whoever has been without work for longest', async () => {
    org = await TestOrganization.create(service)
    const queue = await org.addQueue()
    await setQueue(queue, { assignment: 'least_active' })
    const number = await numberFor(queue)
    const [one, other] = [
      await org.addAgent({ capacityUnits: 9, queues: [queue] }),
      await org.addAgent({ capacityUnits: 2, queues: [queue] }),
    ]
    const ids = [await customerWaits(number), await customerWaits(number)]
    const holders = new Map<string, TestAgent>()
    for (const id of ids) {
      const { agentId } = await org.conversation(id, isOffer)
      holders.set(id, agentId === one.id ? one : other)
    }
    expect(new Set(holders.values()).size).toBe(2)
    for (const [id, agent] of holders) {
      await step(agent, id, 'accept')
      clock.forward(seconds(10))
      await step(agent, id, 'close')
    }

    const next = await customerWaits(number)

    await offeredTo(holders.get(ids[0] ?? '') ?? one, next)
  })

  it('the organization says after how many declines an agent is not asked again', async () => {
    org = await TestOrganization.create(service)
    await done(org.admin.put('/v1/routing-settings', { declineLimit: 1 }), 200)
    const queue = await org.addQueue()
    const number = await numberFor(queue)
    const agent = await org.addAgent({ capacityUnits: 1, queues: [queue] })
    const declined = await customerWaits(number)
    await offeredTo(agent, declined)
    await step(agent, declined, 'reject')
    clock.forward(seconds(100))

    const next = await customerWaits(number)
    await offeredTo(agent, next)

    expect(await org.conversation(declined)).toMatchObject({ status: 'open', agentId: null })
    await step(agent, next, 'reject')
    await done(org.admin.put('/v1/routing-settings', { declineLimit: 2 }), 200)
    await offeredTo(agent, declined)
  })
})

describe('settings', () => {
  it('a queue says its priority, method and service level, and changes them', async () => {
    org = await TestOrganization.create(service)
    const { body: made } = await done(org.admin.post('/v1/queues', { name: 'Orders' }), 201)

    const { body: changed } = await setQueue(made.id, {
      priority: 5,
      assignment: 'round_robin',
      serviceLevelSeconds: 120,
    })

    expect(made).toMatchObject({ priority: 100, assignment: 'highest_capacity', serviceLevelSeconds: null })
    expect(changed).toMatchObject({
      name: 'Orders',
      priority: 5,
      assignment: 'round_robin',
      serviceLevelSeconds: 120,
    })
    expect((await org.admin.get(`/v1/queues/${made.id}`)).body).toEqual(changed)
  })

  it.each([
    [{ priority: 0 }],
    [{ priority: 1001 }],
    [{ assignment: 'fastest' }],
    [{ serviceLevelSeconds: 0 }],
  ])('a queue refuses %j', async (change) => {
    org = await TestOrganization.create(service)
    await refused(org.admin.patch(`/v1/queues/${await org.defaultQueue()}`, change), 422, 'validation_failed')
  })

  it('the decline limit is three until it is set, from 1 to 5', async () => {
    org = await TestOrganization.create(service)

    expect((await org.admin.get('/v1/routing-settings')).body).toEqual({
      ...{ declineLimit: 3, queueWithoutMembers: 'keep_open', preferredAgents: 'off' },
    })
    await refused(org.admin.put('/v1/routing-settings', { declineLimit: 6 }), 422, 'validation_failed')
    await refused(org.admin.put('/v1/routing-settings', { declineLimit: 0 }), 422, 'validation_failed')
  })
})
