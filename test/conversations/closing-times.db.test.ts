import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { days, minutes } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import {
  done,
  newCustomer,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService
let org: TestOrganization
let number: TestNumber
let agent: TestAgent

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

async function newDesk(kind: 'twilio sms' | 'twilio whatsapp' = 'twilio sms') {
  org = await TestOrganization.create(service)
  number = await org.addNumber(kind)
  agent = await org.addAgent({ lasting: true })
}

const does = async (step: string, id: string) =>
  (await done(org.as(agent).post(`/v1/conversations/${id}/${step}`), 200)).body

interface Case {
  state: string
  steps: string[]
  after: number
  reason: string
}

describe('a conversation closes by itself', () => {
  it.each<Case>([
    { state: 'active', steps: [], after: days(30), reason: 'auto_closed_by_system' },
    { state: 'wrap_up', steps: ['end'], after: days(1), reason: 'auto_closed_by_system' },
    { state: 'waiting', steps: ['close'], after: days(30), reason: 'auto_closed_from_waiting_state' },
  ])('after $after ms in $state, and not a moment earlier', async ({ steps, after, reason }) => {
    await newDesk()
    if (reason === 'auto_closed_from_waiting_state')
      await org.addWorkstream(number, { autoCloseAfterMinutes: after / minutes(1) })
    const { id } = await org.acceptedConversation(agent, number)
    for (const step of steps) await does(step, id)
    const { statusUpdatedAt, closesAt, resolvedAt } = await org.conversation(id)

    clock.holdAt(new Date(Date.parse(closesAt) - 1))
    await service.parts.jobs.wake('timers', org.id)
    const before = await org.conversation(id)
    clock.holdAt(new Date(closesAt))
    const closed = await org.conversation(id, ({ status }) => status === 'closed')
    clock.runOn()

    expect(Date.parse(closesAt) - Date.parse(statusUpdatedAt)).toBe(after)
    expect(before.status).not.toBe('closed')
    expect(closed).toMatchObject({ statusReason: reason, closedAt: closesAt, closesAt: null, resolvedAt })
  })

  it('after 30 days in a queue where nobody takes it', async () => {
    await newDesk()
    await done(org.as(agent).put('/v1/me/presence', { presence: 'away' }), 200)
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    const open = await org.conversationOf(customer, ({ queueId }) => queueId !== null)

    clock.forward(days(30))

    const closed = await org.conversation(open.id, ({ status }) => status === 'closed')
    expect(closed).toMatchObject({ agentId: null, resolvedAt: null })
    expect(Date.parse(open.closesAt) - Date.parse(open.statusUpdatedAt)).toBe(days(30))
  })

  it('while waiting, after the time of its workstream: on WhatsApp a minute is enough', async () => {
    await newDesk('twilio whatsapp')
    await org.addWorkstream(number, { channel: 'whatsapp', autoCloseAfterMinutes: 1 })
    const { id } = await org.acceptedConversation(agent, number)
    const waiting = await does('close', id)

    clock.forward(minutes(1))

    const closed = await org.conversation(id, ({ status }) => status === 'closed')
    expect(Date.parse(waiting.closesAt) - Date.parse(waiting.statusUpdatedAt)).toBe(minutes(1))
    expect(closed).toMatchObject({ agentId: agent.id, resolvedAt: null })
  })
})

it('a customer who writes while it waits starts the time anew when it waits again', async () => {
  await newDesk()
  await org.addWorkstream(number, { autoCloseAfterMinutes: 480 })
  const { id, customerAddress } = await org.acceptedConversation(agent, number)
  await does('close', id)
  clock.forward(minutes(479))
  await org.customerTexts(customerAddress, number, 'Wait, there is more')
  await org.conversation(id, ({ status }) => status === 'active')
  await does('accept', id)
  const earlier = (await org.acceptedConversation(agent, number)).id
  await does('close', earlier)
  clock.forward(minutes(1))
  await does('close', id)

  clock.holdAt(new Date((await org.conversation(earlier)).closesAt))
  await org.conversation(earlier, ({ status }) => status === 'closed')
  const before = await org.conversation(id)
  clock.runOn()
  clock.forward(minutes(2))

  expect(before.status).toBe('waiting')
  await org.conversation(id, ({ status }) => status === 'closed')
})

describe('the time to close begins anew', () => {
  /** Days from the moment until it closes. */
  const left = (row: any) =>
    Math.round(((Date.parse(row.closesAt) - clock.now().getTime()) / days(1)) * 10) / 10

  async function twoDaysLater(presence = 'offline') {
    await newDesk()
    const { id } = await org.acceptedConversation(agent, number)
    clock.forward(days(2))
    const supervisor = await org.addAgent({ lasting: true, role: 'supervisor', presence })
    return { id, supervisor, before: left(await org.conversation(id)) }
  }

  it('when a supervisor begins to monitor it', async () => {
    const { id, supervisor, before } = await twoDaysLater()

    await done(org.as(supervisor).post(`/v1/conversations/${id}/monitor`), 200)

    expect([before, left(await org.conversation(id))]).toEqual([28, 30])
  })

  it('when its agent asks somebody to consult', async () => {
    const { id, supervisor, before } = await twoDaysLater('available')

    const body = { agentId: supervisor.id }
    await done(org.as(agent).post(`/v1/conversations/${id}/consults`, body), 201)

    expect([before, left(await org.conversation(id))]).toEqual([28, 30])
  })

  it('when it is to be transferred, and when a supervisor moves what is open to another queue', async () => {
    const { id, supervisor, before } = await twoDaysLater('available')
    const body = { agentId: supervisor.id }
    const asked = left((await done(org.as(agent).post(`/v1/conversations/${id}/transfer`, body), 200)).body)
    const queueId = await org.addQueue()
    await done(org.as(agent).post(`/v1/conversations/${id}/transfer`, { queueId }), 200)
    clock.forward(days(1))
    const open = left(await org.conversation(id))
    const other = await org.addQueue()
    await done(org.admin.post(`/v1/conversations/${id}/assign`, { queueId: other }), 200)

    expect([before, asked, open, left(await org.conversation(id))]).toEqual([28, 30, 29, 30])
  })

  it('also in wrap-up, and not while it waits for the customer', async () => {
    const { id, supervisor } = await twoDaysLater()
    const { id: waiting } = await org.acceptedConversation(agent, number)
    await does('end', id)
    const { closesAt } = await does('close', waiting)
    clock.forward(days(0.5))

    for (const each of [id, waiting])
      await done(org.as(supervisor).post(`/v1/conversations/${each}/monitor`), 200)

    expect(left(await org.conversation(id))).toBe(1)
    expect((await org.conversation(waiting)).closesAt).toBe(closesAt)
  })
})

it('a wrap-up that blocks capacity for longer than its time to close closes when the block is over', async () => {
  await newDesk()
  const times = { openMinutes: 43_200, activeMinutes: 43_200, wrapUpMinutes: 1 }
  await done(org.admin.put('/v1/closing-times', { sms: times, whatsapp: times }), 200)
  await org.addWorkstream(number, { wrapUpBlock: { seconds: 600 } })
  const { id } = await org.acceptedConversation(agent, number)
  const ended = await does('end', id)

  clock.forward(minutes(9))
  await service.parts.timers.drain(org.id, new AbortController().signal)
  const before = await org.conversation(id)
  clock.forward(minutes(1))
  await org.conversation(id, ({ status }) => status === 'closed')

  expect(Date.parse(ended.closesAt) - Date.parse(ended.resolvedAt)).toBe(minutes(10))
  expect(before.status).toBe('wrap_up')
  expect((await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body.usedUnits).toBe(0)
})

it('an SMS workstream does not take less than 480 minutes', async () => {
  await newDesk()

  const answer = await org.admin.post('/v1/workstreams', {
    name: 'Too short',
    channel: 'sms',
    distribution: 'push',
    autoCloseAfterMinutes: 479,
  })

  expect(answer.status).toBe(422)
  expect(answer.body.errors).toMatchObject([{ path: 'autoCloseAfterMinutes' }])
})

it('a message at the moment of closing is kept: in the conversation, or in a new one', async () => {
  await newDesk('twilio whatsapp')
  await org.addWorkstream(number, { channel: 'whatsapp', autoCloseAfterMinutes: 1 })
  const customers = Array.from({ length: 8 }, newCustomer)
  for (const customer of customers) {
    const { id } = await org.acceptedConversation(agent, number, customer)
    await does('close', id)
  }

  clock.forward(minutes(1))
  await Promise.all(customers.map((customer) => org.customerTexts(customer, number, 'Just in time')))

  for (const customer of customers) {
    const live = await org.conversationOf(customer, ({ status }) => ['open', 'active'].includes(status))
    const texts = (await org.messages(live.id)).map(({ text }) => text)
    expect(texts.filter((text) => text === 'Just in time')).toHaveLength(1)
  }
})
