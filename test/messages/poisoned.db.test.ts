import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { standingCallbacks } from '../support/inbox.js'
import { done, newCustomer, type TestNumber, TestOrganization } from '../support/organization.js'
import { poison } from '../support/poison.js'
import { eventually, startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService
let mend: () => Promise<void> = async () => undefined

// Five attempts, each after a look of the sweep, on a loaded machine
vi.setConfig({ testTimeout: 60_000 })

beforeAll(async () => {
  service = await startService({ clock })
})
afterEach(() => mend())
afterAll(() => service.close())

async function desk(): Promise<{ org: TestOrganization; number: TestNumber }> {
  const org = await TestOrganization.create(service)
  return { org, number: await org.addNumber('twilio sms') }
}

const attemptsOf = async (
  { id }: TestOrganization,
  text: string,
): Promise<{ attempts: number; state: string }> => {
  const row = (await standingCallbacks(service, id)).find(({ body }) => body.includes(`Body=${text}`))
  if (!row) throw new Error(`No callback with ${text}`)
  return row
}

/** Lets the pauses between the attempts pass. */
const becomesSetAside = (org: TestOrganization, text: string) =>
  eventually(
    async () => {
      clock.forward(seconds(3))
      return attemptsOf(org, text)
    },
    ({ state }) => state === 'set_aside',
    30_000,
  )

const kept = async (org: TestOrganization): Promise<any[]> =>
  (await done(org.admin.get('/v1/quarantine'), 200)).body.data

describe('a message that makes the worker fail', () => {
  it('is set aside after its attempts, shown with its reason, and worked when the fault is mended and it is released', async () => {
    const { org, number } = await desk()
    const customer = newCustomer()
    mend = await poison(service, 'messages', { when: `NEW.text = 'poison one'` })

    await org.customerTexts(customer, number, 'poison one')
    await org.customerTexts(customer, number, 'And then?')
    await becomesSetAside(org, 'poison+one')
    const [item, ...others] = await kept(org)
    const { id } = await org.conversationOf(customer)
    const meanwhile = (await org.messages(id)).map(({ text }) => text)
    await mend()
    await done(org.admin.post(`/v1/quarantine/${item.id}/release`), 200)

    expect(others).toEqual([])
    expect(item).toMatchObject({
      state: 'set_aside',
      reason: 'processing_failed',
      attempts: 5,
      kind: 'message',
      accountId: number.accountId,
      from: customer,
      to: number.number,
      text: 'poison one',
    })
    expect(item.detail).toContain('Release it')
    expect(item.detail).toContain('P0001')
    expect(meanwhile).toEqual(['And then?'])
    const messages = await eventually(
      () => org.messages(id),
      (all) => all.length === 2,
    )
    expect(messages.map(({ text }) => text)).toEqual(['And then?', 'poison one'])
    expect(messages[1].createdAt).toBe(item.receivedAt)
    expect(await kept(org)).toEqual([])
  })

  it('is counted by the metrics', async () => {
    const { org, number } = await desk()
    mend = await poison(service, 'messages', { when: `NEW.text = 'poison two'` })
    const count = async () => {
      const { text } = await service.as(null).get('/metrics')
      return Number(
        /^parley_callbacks_set_aside_total\{reason="processing_failed"\} (\d+)$/m.exec(text)?.[1] ?? 0,
      )
    }
    const before = await count()

    await org.customerTexts(newCustomer(), number, 'poison two')
    await becomesSetAside(org, 'poison+two')

    await eventually(count, (now) => now === before + 1)
  })

  it('holds up no other customer and no other organization', async () => {
    const [one, other] = [await desk(), await desk()]
    const [poisoned, ...customers] = Array.from({ length: 12 }, newCustomer)
    mend = await poison(service, 'messages', { when: `NEW.text = 'poison three'` })
    clock.holdAt(clock.now())

    await Promise.all([
      one.org.customerTexts(poisoned ?? '', one.number, 'poison three'),
      ...customers.map((customer) => one.org.customerTexts(customer, one.number, 'Hello')),
      other.org.customerTexts(customers[0] ?? '', other.number, 'Hello'),
    ])

    for (const customer of customers) await one.org.conversationOf(customer)
    await other.org.conversationOf(customers[0] ?? '')
    // No time passes here: the others went on after its first attempt
    await eventually(
      () => attemptsOf(one.org, 'poison+three'),
      ({ attempts }) => attempts === 1,
    )
    clock.runOn()
  })

  it('only together with others is worked by itself, at once', async () => {
    const { org, number } = await desk()
    const customers = Array.from({ length: 12 }, newCustomer)
    mend = await poison(service, 'messages', {
      each: 'batch',
      when: `(SELECT count(*) FROM batch) > 1 AND EXISTS (SELECT FROM batch WHERE text = 'Together')`,
    })
    clock.holdAt(clock.now())

    await Promise.all(customers.map((customer) => org.customerTexts(customer, number, 'Together')))

    for (const customer of customers) await org.conversationOf(customer)
    expect(await kept(org)).toEqual([])
    clock.runOn()
  })

  it('and all like it are released together', async () => {
    const { org, number } = await desk()
    const other = await org.addNumber('twilio sms')
    const customers = [newCustomer(), newCustomer()]
    mend = await poison(service, 'messages', { when: `NEW.text LIKE 'poison four%'` })
    for (const [index, customer] of customers.entries()) {
      await org.customerTexts(customer, number, `poison four${index}`)
      await org.customerTexts(customer, other, `poison four${index}`)
    }
    await eventually(
      async () => {
        clock.forward(seconds(3))
        return kept(org)
      },
      (all) => all.length === 4,
      30_000,
    )
    await mend()

    const release = (body: object) => done(org.admin.post('/v1/quarantine/release', body), 200)
    const none = await release({ accountId: number.accountId, reason: 'unknown_number' })
    const first = await release({ accountId: number.accountId })
    const second = await release({ reason: 'processing_failed' })

    expect([none, first, second].map(({ body }) => body)).toEqual([
      { released: 0, hasMore: false },
      { released: 2, hasMore: false },
      { released: 2, hasMore: false },
    ])
    expect((await org.admin.post('/v1/quarantine/release', {})).status).toBe(422)
    await eventually(
      async () => (await org.admin.get('/v1/conversations')).body.data,
      (rows) => rows.length === 4,
    )
    expect(await kept(org)).toEqual([])
  })
})
