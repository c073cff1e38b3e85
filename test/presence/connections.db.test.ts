import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hours, minutes, seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { createTestDatabase } from '../support/database.js'
import { EventListener } from '../support/event-listener.js'
import { done, newCustomer, type TestAgent, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

async function stage(given: Record<string, unknown> = {}) {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent({ lasting: true, ...given })
  return { org, number, agent }
}

const isNow = (org: TestOrganization, agent: TestAgent, presence: string) =>
  eventually(
    async () => (await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body,
    (row) => row.presence === presence,
  )

const connections = async (agent: TestAgent): Promise<number> =>
  (await runSql(service, 'SELECT 1 FROM agent_connections WHERE agent_id = $1', [agent.id])).length

/** The service has noticed that the agent has this many streams. */
const has = (agent: TestAgent, streams: number) =>
  eventually(
    () => connections(agent),
    (count) => count === streams,
  )

async function loses(agent: TestAgent): Promise<void> {
  const stream = await EventListener.open(service, agent.key)
  await has(agent, 1)
  stream.stop()
  await has(agent, 0)
}

describe('a lost connection', () => {
  it('is offline at once, so that nothing is offered; within two and a half minutes the presence comes back with it', async () => {
    const { org, agent, number } = await stage()
    await loses(agent)
    await isNow(org, agent, 'offline')
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    const open = await org.conversationOf(customer, ({ queueId }) => queueId !== null)

    clock.forward(minutes(2))
    const stream = await EventListener.open(service, agent.key)

    expect(open.status).toBe('open')
    expect(await isNow(org, agent, 'busy')).toMatchObject({ presenceIsAutomatic: true })
    await org.conversation(open.id, ({ agentId }) => agentId === agent.id)
    stream.stop()
    await has(agent, 0)
  })

  it.each(['away', 'do_not_disturb'])('%s, which the agent had set, comes back, too', async (presence) => {
    const { org, agent } = await stage()
    await done(org.as(agent).put('/v1/me/presence', { presence }), 200)
    await loses(agent)
    await isNow(org, agent, 'offline')

    clock.forward(minutes(2))
    const stream = await EventListener.open(service, agent.key)

    expect(await isNow(org, agent, presence)).toMatchObject({ presenceIsAutomatic: false })
    stream.stop()
    await has(agent, 0)
  })

  it('takes no custom status away before its time is over', async () => {
    const { org, agent } = await stage()
    const body = { name: 'Lunch', presence: 'away' }
    const { id } = (await done(org.admin.post('/v1/presence-statuses', body), 201)).body
    await done(org.as(agent).put('/v1/me/presence', { presenceStatusId: id }), 200)
    await loses(agent)
    const gone = await isNow(org, agent, 'offline')

    const stream = await EventListener.open(service, agent.key)
    const back = await isNow(org, agent, 'away')
    stream.stop()
    await has(agent, 0)
    clock.forward(seconds(151))
    await service.parts.connections.review(org.id)
    const again = await EventListener.open(service, agent.key)

    expect([gone.presenceStatusId, back.presenceStatusId]).toEqual([null, id])
    expect(await isNow(org, agent, 'available')).toMatchObject({ presenceStatusId: null })
    again.stop()
    await has(agent, 0)
  })

  it('leaves with the agent what was offered, for as long: they come back and accept', async () => {
    const { org, agent, number } = await stage()
    const stream = await EventListener.open(service, agent.key)
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    const { id } = await org.conversationOf(customer, ({ status }) => status === 'active')
    stream.stop()
    await isNow(org, agent, 'offline')

    clock.forward(minutes(2))
    await service.parts.connections.review(org.id)
    const again = await EventListener.open(service, agent.key)
    await isNow(org, agent, 'busy')

    await done(org.as(agent).post(`/v1/conversations/${id}/accept`), 200)
    again.stop()
    await has(agent, 0)
  })

  it('that does not come back gives back what was offered', async () => {
    const { org, agent, number } = await stage()
    const kept = await org.acceptedConversation(agent, number)
    const stream = await EventListener.open(service, agent.key)
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    const offered = await org.conversationOf(customer, ({ status }) => status === 'active')
    stream.stop()
    await has(agent, 0)

    clock.forward(seconds(151))

    await org.conversation(offered.id, ({ status }) => status === 'open')
    expect(await org.conversation(kept.id)).toMatchObject({ status: 'active', agentId: agent.id })
  })

  it('who comes back after that is what they have: here busy, with one conversation', async () => {
    const { org, agent, number } = await stage()
    await org.acceptedConversation(agent, number)
    await loses(agent)
    clock.forward(seconds(151))
    await service.parts.connections.review(org.id)

    const stream = await EventListener.open(service, agent.key)

    expect(await isNow(org, agent, 'busy')).toMatchObject({ presenceIsAutomatic: true })
    stream.stop()
    await has(agent, 0)
  })

  it('of one stream of two is none', async () => {
    const { org, agent } = await stage()
    const streams = [
      await EventListener.open(service, agent.key),
      await EventListener.open(service, agent.key),
    ]
    await has(agent, 2)

    streams[0]?.stop()
    await has(agent, 1)
    clock.forward(minutes(5))
    await service.parts.connections.review(org.id)

    await isNow(org, agent, 'available')
    streams[1]?.stop()
    await has(agent, 0)
  })

  it('is none for an agent who works by calls alone', async () => {
    const { org, agent } = await stage()
    await loses(agent)

    await done(org.as(agent).put('/v1/me/presence', { presence: 'available' }), 200)
    clock.forward(minutes(10))
    await service.parts.connections.review(org.id)

    await isNow(org, agent, 'available')
  })

  it('of a process that died is found by its silence, and the time begins anew', async () => {
    const { org, agent } = await stage()
    const second = await startService({ besides: service, role: 'api' })
    const stream = await EventListener.open(second, agent.key)
    await has(agent, 1)
    // As after a kill: nobody keeps the row fresh, and nobody says that the stream has ended
    await runSql(service, `UPDATE agent_connections SET id = gen_random_uuid() WHERE agent_id = $1`, [
      agent.id,
    ])
    stream.stop()
    await second.close()

    clock.forward(seconds(91))
    await isNow(org, agent, 'offline')
    clock.forward(minutes(2))
    const again = await EventListener.open(service, agent.key)

    await isNow(org, agent, 'available')
    again.stop()
    await has(agent, 0)
  })
})

it('an offer whose time is over while the connection is lost is no decline: it waits, and goes back with the presence', async () => {
  const { org, agent, number } = await stage()
  const stream = await EventListener.open(service, agent.key)
  await has(agent, 1)
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  const { id } = await org.conversationOf(customer, ({ status }) => status === 'active')
  stream.stop()
  await isNow(org, agent, 'offline')

  clock.forward(seconds(121))
  const waiting = await org.conversation(
    id,
    ({ offeredAt, offerExpiresAt }) => Date.parse(offerExpiresAt) - Date.parse(offeredAt) > minutes(8),
  )
  clock.forward(seconds(31))
  await org.conversation(id, ({ status }) => status === 'open')
  const sessions = (await done(org.admin.get(`/v1/conversations/${id}/sessions`), 200)).body.data

  expect(waiting).toMatchObject({ status: 'active', agentId: agent.id, acceptedAt: null })
  expect(sessions.map(({ closureReason }: { closureReason: string }) => closureReason)).toEqual([
    'agent_disconnected',
  ])
})

it('a restart of the service begins the time anew: who comes back after it has their presence and their work', async () => {
  const [database, own] = [await createTestDatabase(), new TestClock()]
  const before = await startService({ databaseUrl: database.url, clock: own })
  const org = await TestOrganization.create(before)
  const agent = await org.addAgent({ lasting: true })
  const { id } = await org.acceptedConversation(agent, await org.addNumber('twilio sms'))
  await done(org.as(agent).put('/v1/me/presence', { presence: 'away' }), 200)
  await EventListener.open(before, agent.key)
  await before.close()

  own.forward(hours(1))
  const after = await startService({ databaseUrl: database.url, clock: own })
  const again = org.through(after)
  await after.parts.connections.review(org.id)
  await after.parts.timers.drain(org.id, new AbortController().signal)
  const gone = (await done(again.admin.get(`/v1/agents/${agent.id}`), 200)).body
  const stream = await EventListener.open(after, agent.key)

  expect(gone.presence).toBe('offline')
  await isNow(again, agent, 'away')
  expect(await again.conversation(id)).toMatchObject({ status: 'active', agentId: agent.id })
  stream.stop()
  await isNow(again, agent, 'offline')
  own.forward(minutes(9))
  await again.conversation(id, ({ status }) => status === 'open')
  await after.close()
  await database.drop()
})

describe('the default presence', () => {
  it.each([
    ['away', 'away', false],
    ['available', 'available', true],
    [null, 'offline', false],
  ])(
    '%j makes a new agent %s at the first stream',
    async (defaultPresence, presence, presenceIsAutomatic) => {
      const { org, agent } = await stage({ presence: 'offline' })
      await done(org.admin.patch(`/v1/agents/${agent.id}`, { defaultPresence }), 200)

      const stream = await EventListener.open(service, agent.key)

      expect(await isNow(org, agent, presence)).toMatchObject({ presenceIsAutomatic, defaultPresence })
      stream.stop()
      await has(agent, 0)
    },
  )

  it('does not undo that an agent has gone offline on purpose, and supervisors may set it', async () => {
    const { org, agent } = await stage()
    const supervisor = await org.addAgent({ role: 'supervisor', presence: 'offline', lasting: true })
    const change = { defaultPresence: 'available' }
    await done(org.as(supervisor).patch(`/v1/agents/${agent.id}`, change), 200)
    await done(org.as(agent).put('/v1/me/presence', { presence: 'offline' }), 200)

    const stream = await EventListener.open(service, agent.key)
    await has(agent, 1)

    await isNow(org, agent, 'offline')
    stream.stop()
    await has(agent, 0)
  })
})
