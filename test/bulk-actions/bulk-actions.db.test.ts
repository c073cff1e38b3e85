import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hours } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { EventListener } from '../support/event-listener.js'
import {
  type ChannelKind,
  done,
  newCustomer,
  refused,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { openSql, runSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

interface Desk {
  org: TestOrganization
  /** Its conversations stay open until somebody takes one */
  number: TestNumber
  agent: TestAgent
  supervisor: TestAgent
}

async function desk(kind: ChannelKind = 'twilio sms'): Promise<Desk> {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber(kind)
  const channel = kind === 'twilio whatsapp' ? 'whatsapp' : 'sms'
  await org.addWorkstream(number, { channel, distribution: 'pick' })
  const agent = await org.addAgent({ capacityUnits: 2, lasting: true })
  const supervisor = await org.addAgent({ role: 'supervisor', presence: 'offline', lasting: true })
  return { org, number, agent, supervisor }
}

async function opened({ org, number }: Desk, customer = newCustomer()): Promise<string> {
  await org.customerTexts(customer, number, 'Hello')
  return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
}

const openedMany = async (at: Desk, count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, () => opened(at)))

/** In this state, with the agent where somebody has it. */
async function inState(at: Desk, state: string): Promise<string> {
  const steps: Record<string, string[]> = {
    open: [],
    active: ['pick'],
    waiting: ['pick', 'close'],
    wrap_up: ['pick', 'end'],
    closed: ['pick', 'end', 'close'],
  }
  const id = await opened(at)
  for (const step of steps[state] ?? [])
    await done(at.org.as(at.agent).post(`/v1/conversations/${id}/${step}`), 200)
  return id
}

const start = (at: Desk, conversationIds: string[], action: object, by = at.supervisor) =>
  at.org.as(by).post('/v1/bulk-actions', { conversationIds, action })

/** Asks for it, and answers what became of each when all of it is done. */
async function all(at: Desk, conversationIds: string[], action: object) {
  const { id } = (await done(start(at, conversationIds, action), 202)).body
  const bulk = await finished(at, id)
  return { bulk, items: await itemsOf(at, id) }
}

const finished = ({ org }: Desk, id: string) =>
  eventually(
    async () => (await org.admin.get(`/v1/bulk-actions/${id}`)).body,
    ({ finishedAt }) => finishedAt !== null,
    60_000,
  )

async function itemsOf({ org }: Desk, id: string): Promise<any[]> {
  return (await done(org.admin.get(`/v1/bulk-actions/${id}/items?limit=100`), 200)).body.data
}

const outbound = async ({ org }: Desk, id: string) =>
  (await org.messages(id)).filter(({ direction }) => direction === 'outbound')

describe('a bulk action', () => {
  it('does the same with each conversation, and says so in its log', async () => {
    const at = await desk()
    const ids = await openedMany(at, 3)
    const heard = await EventListener.open(service, at.supervisor.key)

    const asked = (await done(start(at, ids, { type: 'force_close' }), 202)).body
    const told = await heard.first(({ type }) => type === 'bulk_action.finished')
    heard.stop()
    const bulk = (await done(at.org.as(at.supervisor).get(`/v1/bulk-actions/${asked.id}`), 200)).body
    const items = await itemsOf(at, asked.id)

    expect(asked).toMatchObject({
      action: { type: 'force_close' },
      createdBy: { agentId: at.supervisor.id, name: at.supervisor.name },
      counts: { total: 3 },
      finishedAt: null,
    })
    expect(bulk).toEqual({
      ...asked,
      counts: { total: 3, done: 3, failed: 0, waiting: 0 },
      finishedAt: expect.any(String),
    })
    expect(told.data.bulkAction).toEqual(bulk)
    expect(items).toEqual(
      ids.map((conversationId) => ({
        conversationId,
        status: 'done',
        error: null,
        at: expect.any(String),
      })),
    )
    for (const id of ids) {
      expect((await at.org.conversation(id)).statusReason).toBe('force_closed_by_supervisor')
      const { body } = await at.org.admin.get(`/v1/conversations/${id}/history`)
      expect(body.data.at(-1).by).toEqual({ type: 'supervisor', id: at.supervisor.id })
    }
  })

  it('goes on where one is refused, and says why in the words of the single call', async () => {
    const at = await desk()
    const [open, closed] = [await opened(at), await inState(at, 'closed')]
    const elsewhere = await desk()
    const [foreign, unknown] = [await opened(elsewhere), randomUUID()]

    const { bulk, items } = await all(at, [closed, foreign, unknown, open], { type: 'force_close' })

    const missing = { code: 'not_found', message: 'There is no such conversation.' }
    expect(items.map(({ error }) => error)).toEqual([
      { code: 'invalid_transition', message: expect.stringContaining('is closed') },
      missing,
      missing,
      null,
    ])
    expect(bulk.counts).toEqual({ total: 4, done: 1, failed: 3, waiting: 0 })
    expect((await elsewhere.org.conversation(foreign)).status).toBe('open')
  })

  it('reaches only what its supervisor may see', async () => {
    const at = await desk()
    const id = await opened(at)
    const stranger = await at.org.addAgent({
      role: 'supervisor',
      queues: [await at.org.addQueue()],
      presence: 'offline',
    })

    const { body } = await done(start(at, [id], { type: 'force_close' }, stranger), 202)
    await finished(at, body.id)

    expect((await itemsOf(at, body.id))[0].error.code).toBe('not_found')
    expect((await at.org.conversation(id)).status).toBe('open')
  })

  it('is seen by admins and by the supervisor who asked for it', async () => {
    const at = await desk()
    const { body } = await done(start(at, [randomUUID()], { type: 'force_close' }), 202)
    const colleague = await at.org.addAgent({ role: 'supervisor', presence: 'offline' })

    const listed = async (who: TestAgent) =>
      (await done(at.org.as(who).get('/v1/bulk-actions'), 200)).body.data.map(({ id }: any) => id)

    expect(await listed(at.supervisor)).toEqual([body.id])
    expect(await listed(colleague)).toEqual([])
    await refused(at.org.as(colleague).get(`/v1/bulk-actions/${body.id}`), 404, 'not_found')
    await refused(at.org.as(colleague).get(`/v1/bulk-actions/${body.id}/items`), 404, 'not_found')
    expect((await at.org.admin.get('/v1/bulk-actions')).body.data[0].id).toBe(body.id)
  })

  it('is audited without what was said', async () => {
    const at = await desk()
    const action = { type: 'message_customer', text: 'Confidential' }

    const { body } = await done(start(at, [randomUUID()], action), 202)

    const { data } = (await done(at.org.admin.get('/v1/audit-log'), 200)).body
    const entry = data.find(({ action: what }: any) => what === 'bulk_action.created')
    expect(entry).toMatchObject({ subject: { id: body.id }, actor: { id: at.supervisor.id } })
    expect(JSON.stringify(data)).not.toContain('Confidential')
  })

  it('is made once under an Idempotency-Key', async () => {
    const at = await desk()
    const id = await inState(at, 'active')
    const ask = () =>
      at.org
        .as(at.supervisor)
        .post(
          '/v1/bulk-actions',
          { conversationIds: [id], action: { type: 'message_customer', text: 'Once' } },
          { 'idempotency-key': 'once' },
        )

    const [first, again] = [await done(ask(), 202), await done(ask(), 202)]
    await finished(at, first.body.id)

    expect(again.body.id).toBe(first.body.id)
    expect(await outbound(at, id)).toHaveLength(1)
  })

  it.each<[string, object]>([
    ['no conversation', { conversationIds: [], action: { type: 'force_close' } }],
    [
      'more than 1,000',
      { conversationIds: Array.from({ length: 1001 }, () => randomUUID()), action: { type: 'force_close' } },
    ],
    [
      'one twice',
      {
        conversationIds: ['01a1fcb7-5a7f-74d6-b45f-0b9d237e380a', '01A1FCB7-5A7F-74D6-B45F-0B9D237E380A'],
        action: { type: 'force_close' },
      },
    ],
    ['an unknown action', { conversationIds: [randomUUID()], action: { type: 'delete' } }],
    [
      'a text where none belongs',
      { conversationIds: [randomUUID()], action: { type: 'force_close', text: 'x' } },
    ],
    ['no text', { conversationIds: [randomUUID()], action: { type: 'notify_agents', text: ' ' } }],
    [
      'a text of 1,001 characters',
      { conversationIds: [randomUUID()], action: { type: 'message_customer', text: 'x'.repeat(1001) } },
    ],
    ['no target', { conversationIds: [randomUUID()], action: { type: 'assign' } }],
    [
      'an unknown agent',
      { conversationIds: [randomUUID()], action: { type: 'assign', agentId: randomUUID() } },
    ],
    [
      'an unknown queue',
      { conversationIds: [randomUUID()], action: { type: 'assign', queueId: randomUUID() } },
    ],
  ])('is refused with %s', async (_what, body) => {
    const { org, supervisor } = await desk()

    await refused(org.as(supervisor).post('/v1/bulk-actions', body), 422, 'validation_failed')
  })
})

describe('the switches of an organization', () => {
  it.each([
    ['assign', 'assign'],
    ['forceClose', 'force_close'],
    ['monitor', 'message_customer'],
    ['monitor', 'notify_agents'],
  ])('%s off: supervisors may not %s, nor go on with what they asked for; admins may', async (name, type) => {
    const at = await desk()
    const id = await inState(at, type === 'assign' ? 'open' : 'active')
    const action = { type, ...contents(at)[type] }
    const { body: settings } = await done(at.org.admin.get('/v1/supervision-settings'), 200)
    const release = await hold(id)
    const before = (await done(start(at, [id], action), 202)).body

    await done(at.org.admin.put('/v1/supervision-settings', { ...settings, [name]: false }), 200)
    await release()
    await finished(at, before.id)

    expect((await itemsOf(at, before.id))[0].error.code).toBe('forbidden')
    await refused(start(at, [id], action), 403, 'forbidden')
    const { body } = await done(at.org.admin.post('/v1/bulk-actions', { conversationIds: [id], action }), 202)
    expect((await finished(at, body.id)).counts.done).toBe(1)
  })
})

const contents = ({ agent }: Desk): Record<string, object> => ({
  assign: { agentId: agent.id },
  message_customer: { text: 'Hello' },
  notify_agents: { text: 'Hello' },
})

/** Nobody acts on this conversation until it is released. */
async function hold(id: string): Promise<() => Promise<void>> {
  const sql = await openSql(service)
  await sql.query('BEGIN')
  await sql.query('SELECT 1 FROM conversations WHERE id = $1 FOR UPDATE', [id])
  return () => sql.end()
}

describe('assigning', () => {
  it('offers as many to an agent as they have room for', async () => {
    const at = await desk()
    const ids = await openedMany(at, 3)

    const { items } = await all(at, ids, { type: 'assign', agentId: at.agent.id })

    expect(items.map(({ error }) => error?.code ?? null)).toEqual([null, null, 'conflict'])
    expect(await at.org.conversation(ids[0] ?? '')).toMatchObject({
      statusReason: 'assigned_by_supervisor',
      agentId: at.agent.id,
      acceptedAt: null,
    })
    expect((await at.org.admin.get(`/v1/agents/${at.agent.id}`)).body.usedUnits).toBe(2)
  })

  it('moves them to another queue', async () => {
    const at = await desk()
    const [open, active] = [await opened(at), await inState(at, 'active')]
    const queueId = await at.org.addQueue()

    const { items } = await all(at, [open, active], { type: 'assign', queueId })

    expect(items.map(({ status }) => status)).toEqual(['done', 'failed'])
    expect((await at.org.conversation(open)).queueId).toBe(queueId)
  })
})

describe('messages to customers', () => {
  it.each([
    ['open', 'waiting'],
    ['active', 'active'],
    ['waiting', 'waiting'],
  ])('%s: it is sent, and the conversation is %s', async (state, after) => {
    const at = await desk()
    const id = await inState(at, state)

    const { items } = await all(at, [id], { type: 'message_customer', text: 'We are late today.' })

    expect(items[0].status).toBe('done')
    const [message] = await outbound(at, id)
    expect(message).toMatchObject({
      kind: 'text',
      text: 'We are late today.',
      author: { type: 'agent', id: at.supervisor.id, name: at.supervisor.name },
    })
    await at.org.message(id, message.id, ({ status }) => status === 'delivered')
    expect((await at.org.conversation(id)).status).toBe(after)
  })

  it.each(['wrap_up', 'closed'])('%s: it is refused', async (state) => {
    const at = await desk()
    const id = await inState(at, state)

    const { items } = await all(at, [id], { type: 'message_customer', text: 'Hello' })

    expect(items[0].error.code).toBe('invalid_transition')
    expect(await outbound(at, id)).toEqual([])
  })

  it('an open one that waits since then comes back with the customer’s answer', async () => {
    const at = await desk()
    const customer = newCustomer()
    const id = await opened(at, customer)
    await all(at, [id], { type: 'message_customer', text: 'Which order?' })
    const { body } = await at.org.admin.get(`/v1/conversations/${id}/history`)

    await at.org.customerTexts(customer, at.number, 'Number 7')

    await at.org.conversation(id, ({ status }) => status === 'open')
    expect(body.data.at(-1)).toMatchObject({
      happening: 'messaged',
      status: 'waiting',
      reason: 'awaiting_customer_response',
      by: { type: 'supervisor', id: at.supervisor.id },
    })
  })

  it('an opted-out customer gets none, and the conversation stays open', async () => {
    const at = await desk()
    const customer = newCustomer()
    const id = await opened(at, customer)
    await at.org.customerTexts(customer, at.number, 'STOP')
    await at.org.conversation(id, ({ unreadCount }) => unreadCount === 2)

    const { items } = await all(at, [id], { type: 'message_customer', text: 'Hello' })

    expect(items[0].error.code).toBe('contact_opted_out')
    expect(await outbound(at, id)).toEqual([])
    expect((await at.org.conversation(id)).status).toBe('open')
  })

  it('nothing leaves WhatsApp’s 24 hours, and the conversation stays open', async () => {
    const at = await desk('twilio whatsapp')
    const id = await opened(at)
    clock.forward(hours(25))

    const { items } = await all(at, [id], { type: 'message_customer', text: 'Hello' })

    expect(items[0].error).toEqual({
      code: 'session_window_closed',
      message: 'This conversation has exceeded the 24 hour limit to respond to the customer.',
    })
    expect(await outbound(at, id)).toEqual([])
    expect((await at.org.conversation(id)).status).toBe('open')
  })
})

describe('notices to agents', () => {
  it('are heard by whoever takes part, and never by the customer', async () => {
    const at = await desk()
    const expert = await at.org.addAgent({ queues: [] })
    const id = await inState(at, 'active')
    const path = `/v1/conversations/${id}`
    await done(at.org.as(at.agent).post(`${path}/consults`, { agentId: expert.id }), 201)
    await done(at.org.as(expert).post(`${path}/accept`), 200)
    const bystander = await at.org.addAgent()
    const streams = await Promise.all(
      [at.agent, expert, bystander].map(({ key }) => EventListener.open(service, key)),
    )

    const { items } = await all(at, [id], { type: 'notify_agents', text: 'The line is down.' })

    const [own, consulted] = await Promise.all(
      streams.slice(0, 2).map((stream) => stream.first(({ type }) => type === 'agent.notified')),
    )
    expect(items[0].status).toBe('done')
    expect(own?.data).toMatchObject({
      conversation: { id },
      notification: {
        text: 'The line is down.',
        by: { agentId: at.supervisor.id, name: at.supervisor.name },
      },
    })
    expect(consulted?.data).toEqual(own?.data)
    // Hears of what comes after it
    await done(at.org.as(bystander).put('/v1/me/presence', { presence: 'away' }), 200)
    await streams[2]?.first(({ type }) => type === 'agent.presence_changed')
    expect(streams[2]?.types).not.toContain('agent.notified')
    for (const stream of streams) stream.stop()
    expect(await outbound(at, id)).toEqual([])
  })

  it.each([
    ['open', 'conflict'],
    ['closed', 'invalid_transition'],
  ])('%s: refused', async (state, code) => {
    const at = await desk()

    const { items } = await all(at, [await inState(at, state)], { type: 'notify_agents', text: 'Hello' })

    expect(items[0].error.code).toBe(code)
  })
})

describe('at work', () => {
  it('two workers at once act on each of many conversations once, while others are served', async () => {
    const other = await startService({ besides: service, clock })
    const at = await desk()
    const ids = await openedMany(at, 40)
    const { id } = (
      await done(start(at, [...ids, ...named(210)], { type: 'message_customer', text: 'Once.' }), 202)
    ).body

    const neighbour = await desk()
    const { bulk } = await all(neighbour, [await opened(neighbour)], { type: 'force_close' })
    const whole = await finished(at, id)

    expect(bulk.counts.done).toBe(1)
    expect(whole.counts).toEqual({ total: 250, done: 40, failed: 210, waiting: 0 })
    const said = await runSql<{ count: number }>(
      service,
      `SELECT count(*)::int AS count FROM messages WHERE org_id = $1 AND direction = 'outbound' GROUP BY conversation_id`,
      [at.org.id],
    )
    expect(said).toEqual(ids.map(() => ({ count: 1 })))
    await other.close()
  }, 120_000)
})

const named = (count: number): string[] => Array.from({ length: count }, () => randomUUID())
