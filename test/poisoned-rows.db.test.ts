import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Retention } from '../src/jobs/retention.js'
import { minutes, seconds } from '../src/lib/clock.js'
import { TestClock } from './support/clock.js'
import { EventListener } from './support/event-listener.js'
import { keptMessages } from './support/ledger.js'
import { done, newCustomer, TestOrganization } from './support/organization.js'
import { poison } from './support/poison.js'
import { eventually, startService, type TestService } from './support/service.js'
import { runSql, whileAnotherPublishes } from './support/sql.js'

const clock = new TestClock()
let service: TestService
let mend: () => Promise<void> = async () => undefined

vi.setConfig({ testTimeout: 60_000 })

beforeAll(async () => {
  service = await startService({ clock })
})
beforeEach(() => clock.backToNow())
afterEach(() => mend())
afterAll(() => service.close())

const file = {
  media: [{ contentType: 'image/png', base64: Buffer.from('89504e470d0a1a0a', 'hex').toString('base64') }],
}

/** The rows that are left out for now, by lane, as the operator sees them. */
async function leftOut(lane: string): Promise<number> {
  const { text } = await service.as(null).get('/metrics')
  return Number(new RegExp(`^parley_rows_left_out\\{lane="${lane}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

/** What is left out is tried again after a while: the test does not wait for it. */
const afterAWhile = <Found>(look: () => Promise<Found>, holds: (found: Found) => boolean) =>
  eventually(
    async () => {
      clock.forward(seconds(10))
      return look()
    },
    holds,
    30_000,
  )

describe('a conversation that makes routing fail', () => {
  it('holds up no other on the way to a queue, and gets there when the fault is mended', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const [poisoned, ...others] = Array.from({ length: 4 }, newCustomer)
    mend = await poison(service, 'conversations', {
      on: 'UPDATE',
      when: `NEW.customer_address = '${poisoned}' AND OLD.queue_id IS NULL AND NEW.queue_id IS NOT NULL`,
    })

    await org.customerTexts(poisoned ?? '', number, 'Hello')
    for (const customer of others) await org.customerTexts(customer, number, 'Hello')
    for (const customer of others) await org.conversationOf(customer, ({ queueId }) => queueId !== null)
    const stuck = await org.conversationOf(poisoned ?? '')
    await eventually(
      () => leftOut('routing'),
      (count) => count === 1,
    )
    await mend()

    expect(stuck.queueId).toBeNull()
    await afterAWhile(
      async () => (await org.admin.get(`/v1/conversations/${stuck.id}`)).body,
      ({ queueId }) => queueId !== null,
    )
    await eventually(
      () => leftOut('routing'),
      (count) => count === 0,
    )
  })

  it('holds up no other on the way to an agent, and gets there when the fault is mended', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const customers = Array.from({ length: 4 }, newCustomer)
    const [poisoned = '', ...others] = customers
    for (const customer of customers) {
      await org.customerTexts(customer, number, 'Hello')
      await org.conversationOf(customer, ({ queueId }) => queueId !== null)
    }
    mend = await poison(service, 'conversations', {
      on: 'UPDATE',
      when: `NEW.customer_address = '${poisoned}' AND NEW.status = 'active'`,
    })

    const agent = await org.addAgent({ capacityUnits: 10, lasting: true })
    for (const customer of others)
      await org.conversationOf(customer, ({ status, agentId }) => status === 'active' && agentId === agent.id)
    const stuck = await org.conversationOf(poisoned)
    await mend()

    expect(stuck.status).toBe('open')
    await afterAWhile(
      async () => (await org.admin.get(`/v1/conversations/${stuck.id}`)).body,
      ({ status }) => status === 'active',
    )
  })
})

describe('a conversation that makes the timers fail', () => {
  it('holds up no other, and closes when the fault is mended', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const customers = Array.from({ length: 3 }, newCustomer)
    const [poisoned = '', ...others] = customers
    for (const customer of customers) await org.customerTexts(customer, number, 'Hello')
    const ids = []
    for (const customer of customers) ids.push((await org.conversationOf(customer)).id)
    mend = await poison(service, 'conversations', {
      on: 'UPDATE',
      when: `NEW.customer_address = '${poisoned}' AND NEW.status = 'closed'`,
    })

    await runSql(
      service,
      'UPDATE conversations SET closes_at = created_at, due_at = created_at WHERE org_id = $1',
      [org.id],
    )
    for (const customer of others) await org.conversationOf(customer, ({ status }) => status === 'closed')
    const stuck = await org.conversationOf(poisoned)
    await mend()

    expect(stuck.status).toBe('open')
    await afterAWhile(
      async () => (await org.admin.get(`/v1/conversations/${stuck.id}`)).body,
      ({ status }) => status === 'closed',
    )
  })
})

describe('a conversation that makes a bulk action fail', () => {
  it('holds up no other, and is acted on when the fault is mended', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const conversationIds: string[] = []
    for (const customer of Array.from({ length: 3 }, newCustomer)) {
      await org.customerTexts(customer, number, 'Hello')
      conversationIds.push((await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id)
    }
    const [poisoned] = conversationIds
    mend = await poison(service, 'conversations', {
      on: 'UPDATE',
      when: `NEW.id = '${poisoned}' AND NEW.status = 'closed'`,
    })
    const action = { type: 'force_close' }
    const { id } = (await done(org.admin.post('/v1/bulk-actions', { conversationIds, action }), 202)).body
    const bulk = async () => (await done(org.admin.get(`/v1/bulk-actions/${id}`), 200)).body

    const stuck = await eventually(bulk, ({ counts }) => counts.done === 2)
    await mend()

    expect(stuck).toMatchObject({ counts: { failed: 0, waiting: 1 }, finishedAt: null })
    expect((await afterAWhile(bulk, ({ finishedAt }) => finishedAt !== null)).counts.done).toBe(3)
  })
})

describe('an event that cannot be published', () => {
  it('stops no stream, and is published when the fault is mended', async () => {
    const [org, other] = [await TestOrganization.create(service), await TestOrganization.create(service)]
    const [number, otherNumber] = [await org.addNumber('twilio sms'), await other.addNumber('twilio sms')]
    const listener = await EventListener.open(service, org.adminKey)
    const otherListener = await EventListener.open(service, other.adminKey)
    const texts = ({ heard }: EventListener): string[] =>
      heard.flatMap(({ data }) => data.message?.text ?? []).toSorted()
    mend = await poison(service, 'outbox', {
      on: 'UPDATE',
      when: `EXISTS (SELECT FROM events e WHERE e.org_id = NEW.org_id AND e.entry = NEW.id AND e.data->'message'->>'text' = 'poison')`,
    })

    await whileAnotherPublishes(service, async () => {
      // What is attached together is published together
      for (const text of ['Before', 'poison', 'After']) {
        await org.customerTexts(newCustomer(), number, text)
        await eventually(
          () => keptMessages(service, text),
          (kept) => kept.length === 1,
        )
      }
    })
    await other.customerTexts(newCustomer(), otherNumber, 'Elsewhere')
    await eventually(
      async () => [texts(listener).join(), texts(otherListener).join()],
      ([own, elsewhere]) => own === 'After,Before' && elsewhere === 'Elsewhere',
    )
    await mend()
    await afterAWhile(
      async () => texts(listener),
      (own) => own.includes('poison'),
    )

    expect(texts(listener)).toEqual(['After', 'Before', 'poison'])
    listener.stop()
    otherListener.stop()
  })

  it('and a listener that fails takes nothing from the others', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const heard: string[] = []
    const { feed } = service.parts
    const fails = () => {
      throw new Error('A listener that fails')
    }
    const hears = ({ type }: { type: string }) => void heard.push(type)
    await feed.subscribe(org.id, fails)
    await feed.subscribe(org.id, hears)

    await org.customerTexts(newCustomer(), number, 'Hello')
    await eventually(
      async () => heard,
      (types) => types.includes('conversation.queued'),
    )

    const ofCustomer = heard.filter((type) => /^(conversation|message)\./.test(type))
    expect(ofCustomer).toEqual(['conversation.opened', 'message.received', 'conversation.queued'])
    feed.unsubscribe(org.id, fails)
    feed.unsubscribe(org.id, hears)
  })
})

describe('a file that cannot be kept', () => {
  it('holds up no other', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    await org.addWorkstream(number, { attachments: { customer: true, agent: true } })
    mend = await poison(service, 'media', {
      on: 'UPDATE',
      when: `EXISTS (SELECT FROM messages m WHERE m.id = NEW.message_id AND m.text = 'poison file')`,
    })
    const [poisoned, healthy] = [newCustomer(), newCustomer()]

    await org.customerTexts(poisoned, number, 'poison file', file)
    await org.customerTexts(healthy, number, 'Healthy', file)
    const { id } = await org.conversationOf(healthy)

    await afterAWhile(
      async () => (await org.messages(id))[0],
      (message) => message.media[0].status === 'stored',
    )
  })

  it('because the secret of its account cannot be opened is given up after its attempts', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    await org.addWorkstream(number, { attachments: { customer: true, agent: true } })
    const customer = newCustomer()
    // Received with its secret, which is spoilt before the file is fetched
    mend = await poison(service, 'media', {
      when: `NEW.org_id = '${org.id}'`,
      does: `UPDATE channel_accounts SET secret = 'lost.a.b.c' WHERE id = '${number.accountId}'`,
    })

    await org.customerTexts(customer, number, 'Look', file)
    const { id } = await org.conversationOf(customer)

    const message = await eventually(
      async () => {
        clock.forward(minutes(2))
        return (await org.messages(id))[0]
      },
      (shown) => shown.media[0].status === 'failed',
      30_000,
    )
    expect(message.text).toBe('Look')
  })
})

it('rows that cannot be deleted keep nothing else from being deleted', async () => {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const customers = [newCustomer(), newCustomer()]
  for (const customer of customers) {
    await org.customerTexts(customer, number, 'Hello')
    await org.conversationOf(customer, ({ queueId }) => queueId !== null)
  }
  await done(org.admin.post('/v1/queues', { name: 'Another' }, { 'idempotency-key': 'one' }), 201)
  const left = async () =>
    service.parts.db.inOrg(org.id, async (tx) => [
      await tx.event.count(),
      await tx.idempotencyKey.count(),
      await tx.callback.count(),
    ])
  await eventually(left, ([events]) => (events ?? 0) >= 6)
  mend = await poison(service, 'events', {
    on: 'DELETE',
    when: `OLD.org_id = '${org.id}' AND OLD.type = 'conversation.opened'`,
  })
  const inAMonth = { now: () => new Date(Date.now() + 31 * 24 * 3_600_000) }

  await new Retention({ db: service.parts.db, log: service.parts.log, clock: inAMonth }).once()

  // With what was written at once with them
  expect(await left()).toEqual([4, 0, 0])
})

it('a callback that cannot be stored is refused by itself, also where it came together with others', async () => {
  const [org, other] = [await TestOrganization.create(service), await TestOrganization.create(service)]
  const [number, otherNumber] = [await org.addNumber('twilio sms'), await other.addNumber('twilio sms')]
  mend = await poison(service, 'callbacks', { when: `NEW.body LIKE '%Body=unstorable%'` })
  const texts = (text: string, { service: { simulator } }: TestOrganization, to: string) =>
    fetch(`${simulator.url}/text`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ from: newCustomer(), to, text }),
    }).then(async (answer) => ((await answer.json()) as any).callback.status)

  const [refused, ...taken] = await Promise.all([
    texts('unstorable', org, number.number),
    ...Array.from({ length: 20 }, (_, index) =>
      index % 2 ? texts('Hello', org, number.number) : texts('Hello', other, otherNumber.number),
    ),
  ])

  expect(refused).toBe(500)
  expect(new Set(taken)).toEqual(new Set([200]))
})

it('no statement runs for ever, and no transaction stands still for ever', async () => {
  const [limits] = await service.parts.db.inOrg(
    '00000000-0000-0000-0000-000000000000',
    (tx) => tx.$queryRaw<Record<string, string>[]>`
      SELECT current_setting('statement_timeout') AS statement,
        current_setting('idle_in_transaction_session_timeout') AS idle`,
  )

  expect(limits).toEqual({ statement: '25s', idle: '1min' })
})
