import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hours, later, minutes, seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done, newCustomer, refused, type TestNumber, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { runSql } from '../support/sql.js'

const clock = new TestClock()
/** Holds database and provider, and does no work by itself */
let ground: TestService
let org: TestOrganization
const running: TestService[] = []

beforeAll(async () => {
  ground = await startService({ idle: true, clock })
  await tellProvider(ground, 'settings', { twilioRetryWaitMs: 1 })
})
beforeEach(async () => {
  clock.backToNow()
  org = await TestOrganization.create(ground)
})
afterEach(async () => {
  for (const service of running.splice(0)) await service.close()
  await fetch(`${ground.simulator.url}/faults`, { method: 'DELETE' })
})
afterAll(() => ground.close())

/** A process of the service starts. */
async function up(): Promise<TestService> {
  const service = await startService({ besides: ground })
  running.push(service)
  return service
}

/** The same, and a moment later, when it reads the lists. */
async function start(): Promise<TestService> {
  const service = await up()
  clock.forward(seconds(6))
  return service
}

interface Faults {
  data: { on: string; timesLeft: number | null }[]
}

const loseCallbacks = (number: TestNumber) =>
  tellProvider(ground, 'faults', {
    on: 'callback',
    mode: 'lose_callback',
    accountId: number.credentials['accountSid'],
    times: 0,
  })
const deliverCallbacks = () => fetch(`${ground.simulator.url}/faults`, { method: 'DELETE' })

/** A customer's text of which the provider could not tell us. Answers the provider's id of it. */
async function lostText(from: string, to: TestNumber, text: string, more: object = {}): Promise<string> {
  const answer = await fetch(`${ground.simulator.url}/text`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ from, to: to.number, text, ...more }),
  })
  expect(answer.status).toBe(502)
  const { messageId } = (await answer.json()) as { messageId: string }
  return messageId
}

const backfill = (number: TestNumber, body?: object) =>
  org.admin.post(`/v1/channel-accounts/${number.accountId}/backfill`, body)
const backfillState = async (number: TestNumber) =>
  (await done(org.admin.get(`/v1/channel-accounts/${number.accountId}`), 200)).body.backfill
const ago = (milliseconds: number): string => later(clock.now(), -milliseconds).toISOString()
const messagesOf = async (customer: string) => org.messages((await org.conversationOf(customer)).id)
const eventuallyMessages = (customer: string, count: number) =>
  eventually(
    () => messagesOf(customer),
    (messages) => messages.length >= count,
  )
const textsOf = async (customer: string) => (await messagesOf(customer)).map(({ text }) => text)
const conversations = async () => (await done(org.admin.get('/v1/conversations?limit=100'), 200)).body.data

describe('after an outage', () => {
  it('a start takes in what came meanwhile: once, in order, with its files, marked as recovered', async () => {
    const before = await up()
    org = org.through(before)
    const number = await org.addNumber('twilio sms')
    await org.addWorkstream(number, { attachments: { customer: true } })
    const [casey, robin] = [newCustomer(), newCustomer()]
    await org.customerTexts(casey, number, 'Before')
    await org.conversationOf(casey)
    await running.pop()?.close()
    const sids = [
      await lostText(casey, number, 'One'),
      await lostText(casey, number, 'Two', { media: [{ contentType: 'image/png', base64: 'iVBORw0KGgo=' }] }),
      await lostText(robin, number, 'Hello'),
      await lostText(casey, number, 'Three'),
    ]

    org = org.through(await start())

    const found = await eventually(
      () => messagesOf(casey),
      (messages) => messages.length === 4 && messages[2].media[0].status === 'stored',
    )
    expect(found).toMatchObject([
      { text: 'Before', recovered: false },
      { text: 'One', recovered: true, providerMessageId: sids[0], media: [] },
      { text: 'Two', recovered: true, media: [{ contentType: 'image/png', bytes: 8 }] },
      {
        text: 'Three',
        recovered: true,
        author: { type: 'customer' },
        direction: 'inbound',
        status: 'received',
      },
    ])
    expect(await eventuallyMessages(robin, 1)).toMatchObject([{ text: 'Hello', recovered: true }])
    expect((await org.conversationOf(casey)).unreadCount).toBe(4)
    expect((await backfillState(number)).problem).toBeNull()
  })

  it('callbacks that come late after all change nothing', async () => {
    const number = await org.addNumber('twilio sms')
    await loseCallbacks(number)
    const customer = newCustomer()
    const messageId = await lostText(customer, number, 'Once')
    await start()
    await eventuallyMessages(customer, 1)

    const { outcomes } = await tellProvider(ground, 'replay', { messageId, times: 3, parallel: true })
    await deliverCallbacks()
    await org.customerTexts(customer, number, 'Afterwards')

    await eventuallyMessages(customer, 2)
    expect(outcomes.map(({ status }: { status: number }) => status)).toEqual([200, 200, 200])
    expect(await textsOf(customer)).toEqual(['Once', 'Afterwards'])
  })

  it('callbacks and recovery at the same moment are each message once', async () => {
    const number = await org.addNumber('twilio sms')
    await loseCallbacks(number)
    await start()
    const customers = Array.from({ length: 40 }, newCustomer)
    const messageIds = await Promise.all(customers.map((customer) => lostText(customer, number, 'Once')))

    const [answers] = await Promise.all([
      Promise.all([1, 2, 3].map(() => done(backfill(number), 200))),
      ...messageIds.map((messageId) => tellProvider(ground, 'replay', { messageId })),
    ])

    for (const customer of customers) await eventuallyMessages(customer, 1)
    for (const { body } of answers) expect(body.recovered + body.alreadyKnown).toBe(40)
    const rows = await runSql(ground, 'SELECT provider_message_id FROM messages WHERE org_id = $1', [org.id])
    expect(rows.map((row) => row['provider_message_id']).toSorted()).toEqual(messageIds.toSorted())
  })

  it('several processes that start at once read each list once', async () => {
    const number = await org.addNumber('twilio sms')
    const accountId = number.credentials['accountSid']
    await loseCallbacks(number)
    const customer = newCustomer()
    await lostText(customer, number, 'Once')
    await tellProvider(ground, 'faults', { on: 'read', mode: 'delay', delayMs: 1, accountId, times: 1000 })

    clock.holdAt(new Date())
    running.push(...(await Promise.all([1, 2, 3].map(() => startService({ besides: ground })))))
    clock.runOn()
    clock.forward(seconds(6))
    await eventuallyMessages(customer, 1)
    await eventually(
      () => backfillState(number),
      ({ nextAt }) => new Date(nextAt) > later(clock.now(), minutes(14)),
    )

    const faults = (await (await fetch(`${ground.simulator.url}/faults`)).json()) as Faults
    expect(faults.data.find(({ on }) => on === 'read')?.timesLeft).toBe(999)
    expect(await textsOf(customer)).toEqual(['Once'])
  })

  it('a callback that was lost while nobody restarted is found within a quarter of an hour', async () => {
    await up()
    const number = await org.addNumber('twilio whatsapp')
    await loseCallbacks(number)
    const customer = newCustomer()
    await lostText(customer, number, 'Hello?')

    clock.forward(minutes(16))

    expect(await eventuallyMessages(customer, 1)).toMatchObject([{ text: 'Hello?', recovered: true }])
    const state = await eventually(
      () => backfillState(number),
      ({ checkedUntil }) => checkedUntil !== null,
    )
    expect(new Date(state.checkedUntil) > later(clock.now(), -minutes(1))).toBe(true)
  })

  it('what was recovered can be told from its event, so that nothing answers it by itself', async () => {
    const number = await org.addNumber('twilio sms')
    await loseCallbacks(number)
    const customer = newCustomer()
    await lostText(customer, number, 'Hello?')
    await start()
    await eventuallyMessages(customer, 1)

    const events = await runSql(
      ground,
      `SELECT data->'message'->'recovered' AS recovered FROM events WHERE org_id = $1 AND type = 'message.received'`,
      [org.id],
    )

    expect(events).toEqual([{ recovered: true }])
  })
})

describe('a recovered message', () => {
  it('keeps the provider’s own time, which opens no WhatsApp window that is over', async () => {
    const number = await org.addNumber('twilio whatsapp')
    await loseCallbacks(number)
    const customer = newCustomer()
    const sentAt = Date.now()
    await lostText(customer, number, 'Yesterday')
    await start()
    const agent = await org.addAgent({ lasting: true })

    clock.forward(hours(25))
    await done(backfill(number, { since: ago(hours(26)) }), 200)

    const { id } = await org.conversationOf(customer, ({ agentId }) => agentId === agent.id)
    await done(org.as(agent).post(`/v1/conversations/${id}/accept`), 200)
    const { lastInboundAt, replyWindow } = await org.conversation(id)
    expect(Math.abs(new Date(lastInboundAt).getTime() - sentAt)).toBeLessThan(seconds(30))
    expect(replyWindow.open).toBe(false)
    await refused(
      org.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'Hi' }),
      409,
      'session_window_closed',
    )
  })

  it('that is older than what came since stands after it, and does not turn its times back', async () => {
    const number = await org.addNumber('twilio sms')
    await loseCallbacks(number)
    const customer = newCustomer()
    await lostText(customer, number, 'Older')
    await start()
    await deliverCallbacks()
    clock.forward(minutes(1))
    await org.customerTexts(customer, number, 'Newer')
    const [newer] = await eventuallyMessages(customer, 1)

    await done(backfill(number, { since: ago(minutes(10)) }), 200)

    const messages = await eventuallyMessages(customer, 2)
    expect(messages.map(({ text, recovered }) => [text, recovered])).toEqual([
      ['Newer', false],
      ['Older', true],
    ])
    expect(messages[1].createdAt < newer.createdAt).toBe(true)
    expect(await org.conversationOf(customer)).toMatchObject({
      lastInboundAt: newer.createdAt,
      lastMessageAt: newer.createdAt,
      unreadCount: 2,
    })
  })

  it('opts nobody in again who has opted out since', async () => {
    const number = await org.addNumber('twilio sms')
    await loseCallbacks(number)
    const [left, back] = [newCustomer(), newCustomer()]
    await lostText(left, number, 'START')
    await lostText(back, number, 'STOP')
    await lostText(back, number, 'START')
    await start()
    await deliverCallbacks()
    clock.forward(minutes(1))
    await org.customerTexts(left, number, 'STOP')
    await eventuallyMessages(left, 1)

    await done(backfill(number, { since: ago(minutes(10)) }), 200)

    await Promise.all([eventuallyMessages(left, 2), eventuallyMessages(back, 2)])
    const { data } = (await done(org.admin.get('/v1/opt-outs'), 200)).body
    expect(data.map((row: { customerAddress: string }) => row.customerAddress)).toEqual([left])
  })
})

describe('on demand', () => {
  it('what is missing since a moment is taken in, and a repeat finds nothing more', async () => {
    await start()
    const number = await org.addNumber('twilio whatsapp')
    await loseCallbacks(number)
    const customer = newCustomer()
    await lostText(customer, number, 'Missing')
    clock.forward(minutes(2))

    const later = await done(backfill(number, { since: ago(minutes(1)) }), 200)
    const first = await done(backfill(number, { since: ago(minutes(5)) }), 200)
    const again = await done(backfill(number, { since: ago(minutes(5)).replace('Z', '+00:00') }), 200)
    const byDefault = await done(backfill(number), 200)

    expect(later.body).toMatchObject({ supported: true, complete: true, listed: 0, recovered: 0 })
    expect(first.body).toMatchObject({ listed: 1, recovered: 1, alreadyKnown: 0, complete: true })
    expect(again.body).toMatchObject({ listed: 1, recovered: 0, alreadyKnown: 1 })
    expect(byDefault.body).toMatchObject({ recovered: 0 })
    expect(await eventuallyMessages(customer, 1)).toMatchObject([{ text: 'Missing', recovered: true }])
  })

  it('a list of many pages is taken in whole, each customer’s messages in their order', async () => {
    await start()
    const number = await org.addNumber('twilio sms')
    await loseCallbacks(number)
    const customers = Array.from({ length: 25 }, newCustomer)
    const each = Array.from({ length: 48 }, (_, index) => `Message ${index}`)
    await Promise.all(
      customers.map(async (customer) => {
        for (const text of each) await lostText(customer, number, text)
      }),
    )

    const answers = [(await done(backfill(number, { since: ago(hours(1)) }), 200)).body]
    while (!answers.at(-1).complete)
      answers.push((await done(backfill(number, { since: answers.at(-1).until }), 200)).body)

    const rows = await eventually(
      () =>
        runSql<{ customer: string; texts: string[] }>(
          ground,
          `SELECT c.customer_address AS customer, array_agg(m.text ORDER BY m.seq) AS texts
           FROM messages m JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
           WHERE m.org_id = $1 GROUP BY 1`,
          [org.id],
        ),
      (found) => found.reduce((sum, { texts }) => sum + texts.length, 0) >= 25 * 48,
      30_000,
    )
    expect(answers.reduce((sum, { recovered }) => sum + recovered, 0)).toBe(1200)
    expect(rows).toHaveLength(25)
    for (const { texts } of rows) expect(texts).toEqual(each)
  }, 90_000)

  it('Telesign has no list, and the answer says so', async () => {
    const number = await org.addNumber('telesign sms')

    const { body } = await done(backfill(number, { since: ago(hours(1)) }), 200)

    expect(body).toMatchObject({ supported: false, listed: 0, recovered: 0, alreadyKnown: 0, since: null })
    expect(body.detail).toMatch(/^Telesign has no list of the messages/)
    expect(await backfillState(number)).toBeNull()
  })

  it.each([
    ['in the future', () => ago(-minutes(1))],
    ['more than 30 days ago', () => ago(hours(24 * 30 + 1))],
    ['that is no moment', () => 'yesterday'],
  ])('a moment %s is refused', async (_what, since) => {
    const number = await org.addNumber('twilio sms')

    const problem = await refused(backfill(number, { since: since() }), 422, 'validation_failed')

    expect(problem.errors[0].path).toBe('since')
  })

  it('a provider that cannot be reached is told, and credentials that it refuses', async () => {
    const number = await org.addNumber('twilio sms')
    const accountId = number.credentials['accountSid']
    await tellProvider(ground, 'faults', { on: 'read', mode: 'http_500', accountId })

    await refused(backfill(number), 502, 'provider_unreachable')
    await setCredentials(number, { authToken: '0'.repeat(32) })
    const problem = await refused(backfill(number), 409, 'conflict', { providerCode: '20003' })

    expect(problem.detail).toContain('Auth Token')
  })
})

const setCredentials = (number: TestNumber, change: object) =>
  done(
    org.admin.patch(`/v1/channel-accounts/${number.accountId}`, {
      credentials: { ...number.credentials, ...change },
    }),
    200,
  )

describe('where the list cannot be read', () => {
  it('the admin sees why, and it is tried again until it succeeds', async () => {
    const number = await org.addNumber('twilio sms')
    await loseCallbacks(number)
    const customer = newCustomer()
    await lostText(customer, number, 'Patience')
    await setCredentials(number, { authToken: '0'.repeat(32) })
    await start()

    const troubled = await eventually(
      () => backfillState(number),
      ({ problem }) => problem !== null,
    )
    await setCredentials(number, {})
    clock.forward(minutes(2))

    expect(await eventuallyMessages(customer, 1)).toMatchObject([{ text: 'Patience', recovered: true }])
    expect(troubled).toMatchObject({ checkedUntil: null, problem: expect.stringContaining('Auth Token') })
    await eventually(
      () => backfillState(number),
      ({ problem, checkedUntil }) => problem === null && checkedUntil !== null,
    )
  })

  it('because the organization is suspended, it is read when it returns', async () => {
    const number = await org.addNumber('twilio sms')
    const marker = await TestOrganization.create(ground)
    const other = await marker.addNumber('twilio sms')
    for (const each of [number, other]) await loseCallbacks(each)
    const [customer, control] = [newCustomer(), newCustomer()]
    await lostText(customer, number, 'Later')
    await lostText(control, other, 'Now')
    const suspend = (suspended: boolean) =>
      done(ground.as(ground.platformKey).patch(`/v1/organizations/${org.id}`, { suspended }), 200)
    await suspend(true)

    await start()
    await marker.conversationOf(control)
    const meanwhile = await runSql(ground, 'SELECT 1 FROM callbacks WHERE org_id = $1', [org.id])
    await suspend(false)

    expect(await eventuallyMessages(customer, 1)).toMatchObject([{ text: 'Later', recovered: true }])
    expect(meanwhile).toEqual([])
  })
})

describe('a number', () => {
  it('that moved to another account brings nothing along that came before', async () => {
    await start()
    const number = await org.addNumber('twilio sms')
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Known')
    await eventuallyMessages(customer, 1)
    const { body: account } = await done(
      org.admin.post('/v1/channel-accounts', {
        name: 'The same at Twilio',
        provider: 'twilio',
        channel: 'sms',
        credentials: number.credentials,
      }),
      201,
    )
    await done(org.admin.delete(`/v1/channel-numbers/${number.id}`), 204)
    await done(org.admin.post('/v1/channel-numbers', { accountId: account.id, number: number.number }), 201)

    const { body } = await done(
      backfill({ ...number, accountId: account.id }, { since: ago(minutes(10)) }),
      200,
    )

    expect(body).toMatchObject({ listed: 1, recovered: 0, alreadyKnown: 1 })
    expect(await conversations()).toHaveLength(1)
  })
})
