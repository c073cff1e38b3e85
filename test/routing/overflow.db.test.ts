import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { minutes } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { EventListener } from '../support/event-listener.js'
import { done, newCustomer, refused, type TestNumber, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService
let org: TestOrganization
let number: TestNumber
let workstream: string
let queue: string
let other: string

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

beforeEach(async () => {
  org = await TestOrganization.create(service)
  number = await org.addNumber('twilio sms')
  queue = await org.addQueue()
  other = await org.addQueue()
  await org.addAgent({ queues: [queue, other], presence: 'away', lasting: true })
  workstream = await org.addWorkstream(number, { fallbackQueueId: queue })
  await leadTo(queue)
})

const always = { field: 'channel', op: 'equals', value: 'sms' }
const leadTo = (...queueIds: string[]) =>
  done(
    org.admin.put(`/v1/workstreams/${workstream}/routing-rules`, {
      rules: queueIds.map((queueId) => ({ name: queueId, when: always, queueId })),
    }),
    200,
  )

const setQueue = (id: string, change: object) => done(org.admin.patch(`/v1/queues/${id}`, change), 200)

async function customerTexts(): Promise<string> {
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
}

const whyOf = async (id: string) => (await done(org.admin.get(`/v1/conversations/${id}/routing`), 200)).body

/** Hours in which it is never open. */
async function close(queueId: string): Promise<void> {
  const body = { name: `Closed ${queueId}`, timeZone: 'UTC', weekly: {} }
  const { id } = (await done(org.admin.post('/v1/operating-hours', body), 201)).body
  await setQueue(queueId, { operatingHoursId: id })
}

describe('before queueing', () => {
  it('out of hours a conversation goes to the queue anyway, where nothing else is said', async () => {
    await close(queue)

    const id = await customerTexts()

    expect(await org.conversation(id)).toMatchObject({ status: 'open', queueId: queue })
    expect((await whyOf(id)).routing).toMatchObject({
      reason: 'all_overflow',
      overflow: { queueId: queue, condition: 'out_of_hours', action: 'queue_anyway' },
    })
  })

  it('out of hours it goes to another queue, whether that is open or not', async () => {
    await close(queue)
    await close(other)
    await setQueue(queue, { overflow: { outOfHours: { action: 'other_queue', queueId: other } } })

    expect(await org.conversation(await customerTexts())).toMatchObject({ status: 'open', queueId: other })
  })

  it('out of hours it ends, and says why', async () => {
    await close(queue)
    await setQueue(queue, { overflow: { outOfHours: { action: 'end_conversation' } } })

    const id = await customerTexts()

    expect(await org.conversation(id)).toMatchObject({
      ...{ status: 'closed', statusReason: 'closed_due_to_overflow', queueId: queue, resolvedAt: null },
    })
    expect((await whyOf(id)).routing.outcome).toBe('overflow_ended')
    const history = (await done(org.admin.get(`/v1/conversations/${id}/history`), 200)).body.data
    expect(history.at(-1)).toMatchObject({ reason: 'closed_due_to_overflow' })
  })

  it('beyond the limit of open conversations the next rule is taken', async () => {
    await leadTo(queue, other)
    await setQueue(queue, { overflow: { itemLimit: { limit: 2, action: 'queue_anyway' } } })

    const ids = [await customerTexts(), await customerTexts(), await customerTexts()]
    const queues = await Promise.all(ids.map(async (id) => (await org.conversation(id)).queueId))

    expect(queues).toEqual([queue, queue, other])
  })

  it('the fallback queue takes all, whether it overflows or not', async () => {
    await done(org.admin.put(`/v1/workstreams/${workstream}/routing-rules`, { rules: [] }), 200)
    await setQueue(queue, { overflow: { itemLimit: { limit: 1, action: 'end_conversation' } } })

    const ids = [await customerTexts(), await customerTexts()]

    for (const id of ids) expect(await org.conversation(id)).toMatchObject({ status: 'open', queueId: queue })
  })

  it('trying says what would happen', async () => {
    await close(queue)
    await setQueue(queue, { overflow: { outOfHours: { action: 'end_conversation' } } })

    const body = { customerAddress: newCustomer(), text: 'Hello' }
    const tried = await done(org.admin.post(`/v1/workstreams/${workstream}/try`, body), 200)

    expect(tried.body).toMatchObject({ routing: { outcome: 'overflow_ended' }, assignment: null })
  })
})

describe('while queued', () => {
  it('who has waited too long goes to another queue, and its time begins anew there', async () => {
    await setQueue(queue, {
      overflow: { waitingTime: { minutes: 10, action: 'other_queue', queueId: other } },
    })
    await setQueue(other, { overflow: { waitingTime: { minutes: 5, action: 'end_conversation' } } })
    const id = await customerTexts()

    clock.forward(minutes(9))
    const before = await org.conversation(id)
    clock.forward(minutes(2))
    await org.conversation(id, ({ queueId }) => queueId === other)
    const { overflow } = await whyOf(id)
    clock.forward(minutes(6))
    const after = await org.conversation(id, ({ status }) => status === 'closed')

    expect(before).toMatchObject({ status: 'open', queueId: queue })
    expect(overflow).toMatchObject({ queueId: queue, minutes: 10, action: 'other_queue', toQueueId: other })
    expect(after).toMatchObject({ statusReason: 'closed_due_to_overflow', queueId: other })
  })

  it('what the queue says by then counts', async () => {
    await setQueue(queue, { overflow: { waitingTime: { minutes: 10, action: 'end_conversation' } } })
    const [longer, freed] = [await customerTexts(), await customerTexts()]
    await setQueue(queue, {
      overflow: { waitingTime: { minutes: 30, action: 'other_queue', queueId: other } },
    })

    clock.forward(minutes(15))
    const { id: witness } = await org.conversation(await customerTexts())
    const before = [
      await org.conversation(longer),
      await org.conversation(freed),
      await org.conversation(witness),
    ]
    clock.forward(minutes(16))

    await org.conversation(longer, ({ queueId }) => queueId === other)
    await org.conversation(freed, ({ queueId }) => queueId === other)
    expect(before.map(({ status, queueId }) => [status, queueId])).toEqual(Array(3).fill(['open', queue]))
  })

  it('one that is offered does not wait; declined, it has waited all the while', async () => {
    await setQueue(queue, {
      overflow: { waitingTime: { minutes: 1, action: 'other_queue', queueId: other } },
    })
    const agent = await org.addAgent({ queues: [queue], lasting: true })
    const id = await customerTexts()
    await org.conversation(id, ({ agentId }) => agentId === agent.id)
    clock.forward(minutes(1.5))

    await done(org.as(agent).post(`/v1/conversations/${id}/reject`), 200)

    await org.conversation(id, ({ queueId }) => queueId === other)
  })
})

describe('when many have waited too long', () => {
  it('they go twenty at a time: the queue with the shortest time first, those with the same time in turn', async () => {
    const [slow, patient] = [await org.addQueue(), queue]
    const into = (minutes: number) => ({
      overflow: { waitingTime: { minutes, action: 'other_queue', queueId: other } },
    })
    await setQueue(patient, into(30))
    await setQueue(slow, into(10))
    const third = await org.addQueue()
    await setQueue(third, into(10))
    for (const id of [slow, third])
      await done(org.admin.put(`/v1/queues/${id}/members/${(await idle()).id}`), 204)
    const lead = async (queueId: string, count: number) => {
      await leadTo(queueId)
      for (let n = 0; n < count; n++) await customerTexts()
    }
    await lead(patient, 4)
    await lead(slow, 20)
    await lead(third, 3)

    clock.forward(minutes(31))
    const order = await eventually(
      () =>
        runSql<{ from: string; at: string }>(
          service,
          `SELECT overflowed->>'queueId' AS "from", overflowed->>'at' AS at FROM routing_records
           WHERE org_id = $1 AND overflowed IS NOT NULL ORDER BY overflowed->>'at'`,
          [org.id],
        ),
      (rows) => rows.length === 27,
    )

    const first = order.filter(({ at }) => at === order[0]?.at).map(({ from }) => from)
    expect(first).toHaveLength(20)
    expect(first.filter((id) => id === third)).toHaveLength(3)
    expect(first).not.toContain(patient)
  })

  const idle = () => org.addAgent({ queues: [], presence: 'offline' })
})

describe('settings', () => {
  it.each([
    [{ itemLimit: { limit: 0, action: 'queue_anyway' } }],
    [{ itemLimit: { limit: 101, action: 'queue_anyway' } }],
    [{ waitingTime: { minutes: 0, action: 'end_conversation' } }],
    [{ waitingTime: { minutes: 2881, action: 'end_conversation' } }],
    [{ waitingTime: { minutes: 5, action: 'queue_anyway' } }],
    [{ outOfHours: { action: 'other_queue' } }],
    [{ outOfHours: { action: 'other_queue', queueId: '01a1fe55-99da-7324-9d81-d9f777cae6c2' } }],
  ])('overflow of %j is refused', async (overflow) => {
    await refused(org.admin.patch(`/v1/queues/${queue}`, { overflow }), 422, 'validation_failed')
  })

  it('a queue does not overflow into itself, and one that others overflow into cannot be deleted', async () => {
    const into = (queueId: string) => ({ overflow: { outOfHours: { action: 'other_queue', queueId } } })
    await refused(org.admin.patch(`/v1/queues/${queue}`, into(queue)), 422, 'validation_failed')
    await setQueue(queue, into(other))

    await refused(org.admin.delete(`/v1/queues/${other}`), 409, 'conflict')
  })
})

describe('a queue with no members', () => {
  const hears = (listener: EventListener) =>
    listener.heard.filter(({ type }) => type === 'queue.has_no_members')

  it('leaves the conversation to the fallback queue, and admins hear of it once until it has had some', async () => {
    const empty = await org.addQueue('Empty')
    await leadTo(empty)
    const listener = await EventListener.open(service, org.adminKey)

    const ids = [await customerTexts(), await customerTexts()]
    await listener.first(({ type }) => type === 'queue.has_no_members')

    for (const id of ids) expect(await org.conversation(id)).toMatchObject({ status: 'open', queueId: queue })
    expect((await whyOf(ids[0] ?? '')).routing).toMatchObject({ emptyQueueId: empty, queueId: queue })
    expect(hears(listener).map(({ data }: any) => data.queue)).toEqual([{ id: empty, name: 'Empty' }])
    const agent = await org.addAgent({ queues: [empty] })
    await done(org.admin.delete(`/v1/queues/${empty}/members/${agent.id}`), 204)
    await customerTexts()
    await expect.poll(() => hears(listener).length, { timeout: 20_000 }).toBe(2)
    listener.stop()
  })

  it('where the fallback queue has none either it stays open there, and says so until somebody joins', async () => {
    const empty = await org.addQueue()
    await done(org.admin.patch(`/v1/workstreams/${workstream}`, { fallbackQueueId: empty }), 200)
    await leadTo()

    const id = await customerTexts()
    const before = await whyOf(id)
    const { text } = await fetch(`${service.url}/metrics`).then(async (answer) => ({
      text: await answer.text(),
    }))
    const agent = await org.addAgent({ queues: [empty] })
    await org.conversation(id, ({ agentId }) => agentId === agent.id)

    expect(before).toMatchObject({ queueId: empty, problem: 'queue_has_no_members' })
    expect(Number(/^parley_queues_without_members (\d+)/m.exec(text)?.[1])).toBeGreaterThanOrEqual(1)
    expect((await whyOf(id)).problem).toBeNull()
  })

  it('that has lost its last member gives what waits, and what comes back to it, to the fallback queue', async () => {
    const left = await org.addQueue('Left')
    const agents = [
      await org.addAgent({ capacityUnits: 1, queues: [left], lasting: true }),
      await org.addAgent({ capacityUnits: 0, queues: [left], presence: 'away', lasting: true }),
    ]
    await leadTo(left)
    const listener = await EventListener.open(service, org.adminKey)
    const [offered, ...waiting] = [await customerTexts(), await customerTexts(), await customerTexts()]
    const [first] = agents
    await org.conversation(offered ?? '', ({ agentId }) => agentId === first?.id)

    await Promise.all(agents.map(({ id }) => done(org.admin.delete(`/v1/queues/${left}/members/${id}`), 204)))
    for (const id of waiting) await org.conversation(id, ({ queueId }) => queueId === queue)
    const before = await org.conversation(offered ?? '')
    await done(org.as(first as never).post(`/v1/conversations/${offered}/reject`), 200)
    await org.conversation(offered ?? '', ({ queueId }) => queueId === queue)

    expect(before).toMatchObject({ status: 'active', queueId: left, agentId: first?.id })
    expect(hears(listener).map(({ data }: any) => data.queue)).toEqual([{ id: left, name: 'Left' }])
    listener.stop()
  })

  it('that has lost its last member, and is the fallback queue, keeps or closes what waits as the organization says', async () => {
    const left = await org.addQueue()
    const agent = await org.addAgent({ queues: [left], presence: 'away', lasting: true })
    await done(org.admin.patch(`/v1/workstreams/${workstream}`, { fallbackQueueId: left }), 200)
    await leadTo()
    const id = await customerTexts()
    await done(org.admin.delete(`/v1/queues/${left}/members/${agent.id}`), 204)
    await customerTexts()
    expect(await org.conversation(id)).toMatchObject({ status: 'open', queueId: left })

    await done(org.admin.put('/v1/routing-settings', { queueWithoutMembers: 'close' }), 200)

    await org.conversation(id, ({ status }) => status === 'closed')
  })

  it('closes the conversation only where the organization says so', async () => {
    const empty = await org.addQueue()
    await done(org.admin.patch(`/v1/workstreams/${workstream}`, { fallbackQueueId: empty }), 200)
    await leadTo()
    await done(org.admin.put('/v1/routing-settings', { queueWithoutMembers: 'close' }), 200)

    const id = await customerTexts()

    expect(await org.conversation(id)).toMatchObject({
      status: 'closed',
      statusReason: 'closed_due_to_failure',
    })
  })
})
