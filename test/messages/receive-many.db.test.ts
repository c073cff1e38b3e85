import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { standingCallbacks } from '../support/inbox.js'
import {
  type ChannelKind,
  done,
  newCustomer,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

async function desk(kind: ChannelKind): Promise<{ org: TestOrganization; number: TestNumber }> {
  const org = await TestOrganization.create(service)
  return { org, number: await org.addNumber(kind) }
}

describe('many at once', () => {
  it('two first messages of a new customer at the same instant make one conversation', async () => {
    const { org, number } = await desk('twilio sms')
    const customers = Array.from({ length: 10 }, newCustomer)

    await Promise.all(
      customers.flatMap((customer) =>
        ['One', 'Two'].map((text) => org.customerTexts(customer, number, text)),
      ),
    )

    for (const customer of customers) {
      const { id } = await org.conversationOf(customer, ({ unreadCount }) => unreadCount === 2)
      expect((await org.messages(id)).map(({ text }) => text).sort()).toEqual(['One', 'Two'])
    }
    expect((await org.admin.get('/v1/conversations?limit=100')).body.data).toHaveLength(10)
  })

  it('each customer’s messages keep their order while many customers write', async () => {
    const { org, number } = await desk('twilio sms')
    const customers = Array.from({ length: 15 }, newCustomer)
    const texts = Array.from({ length: 8 }, (_, index) => `Message ${index}`)

    await Promise.all(
      customers.map(async (customer) => {
        for (const text of texts) await org.customerTexts(customer, number, text)
      }),
    )

    for (const customer of customers) {
      const { id } = await org.conversationOf(customer, ({ unreadCount }) => unreadCount === texts.length)
      expect((await org.messages(id)).map(({ text }) => text)).toEqual(texts)
    }
  })

  it('a customer of two numbers has a conversation with each', async () => {
    const { org, number } = await desk('twilio sms')
    const other = await org.addNumber('telesign sms')
    const customer = newCustomer()

    await Promise.all([number, other].map((each) => org.customerTexts(customer, each, 'Hello')))

    await eventually(
      async () => (await org.admin.get(`/v1/conversations?customerAddress=${customer.slice(1)}`)).body.data,
      (rows) => rows.length === 2,
    )
  })
})

describe('a callback that cannot be worked', () => {
  it('holds up nobody else, is tried again, and is worked when the fault is mended', async () => {
    const { org, number } = await desk('twilio sms')
    await runSql(
      service,
      `CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF NEW.text = 'poison' THEN RAISE EXCEPTION 'poisoned'; END IF; RETURN NEW; END $$`,
    )
    await runSql(
      service,
      'CREATE TRIGGER poison BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION poison()',
    )
    const [poisoned, ...others] = Array.from({ length: 6 }, newCustomer)

    await Promise.all([
      org.customerTexts(poisoned ?? '', number, 'poison'),
      ...others.map((customer) => org.customerTexts(customer, number, 'Hello')),
    ])
    for (const customer of others) await org.conversationOf(customer)
    await org.customerTexts(poisoned ?? '', number, 'And then?')
    const kept = await eventually(
      async () => (await standingCallbacks(service, org.id)).find(({ body }) => body.includes('Body=poison')),
      (callback) => (callback?.attempts ?? 0) > 0,
    )
    await runSql(service, 'DROP TRIGGER poison ON messages')

    expect(kept?.state).toBe('pending')
    const { id } = await org.conversationOf(poisoned ?? '', ({ unreadCount }) => unreadCount === 2)
    expect((await org.messages(id)).map(({ text }) => text)).toEqual(['poison', 'And then?'])
  })
})

describe('a suspended organization', () => {
  it('keeps what comes meanwhile, and works it in order when it returns', async () => {
    const { org, number } = await desk('twilio sms')
    const active = await desk('twilio sms')
    const customer = newCustomer()
    const suspend = (suspended: boolean) =>
      done(service.as(service.platformKey).patch(`/v1/organizations/${org.id}`, { suspended }), 200)
    const pending = async () =>
      (await runSql(service, 'SELECT 1 FROM inbox WHERE org_id = $1', [org.id])).length
    await suspend(true)
    // Every worker knows of it within a second
    await eventually(
      async () => {
        const other = newCustomer()
        await org.customerTexts(newCustomer(), number, 'Hello')
        await active.org.customerTexts(other, active.number, 'Hello')
        await active.org.conversationOf(other)
        return pending()
      },
      (count) => count > 0,
    )

    const before = await pending()
    const answers = [
      await org.customerTexts(customer, number, 'One'),
      await org.customerTexts(customer, number, 'Two'),
    ]
    const kept = (await pending()) - before
    const refused = await org.admin.get('/v1/conversations')
    await suspend(false)

    expect(answers.map(({ callback }) => callback.status)).toEqual([200, 200])
    expect(refused.body).toMatchObject({ status: 403, code: 'organization_suspended' })
    expect(kept).toBe(2)
    const { id, lastInboundAt } = await org.conversationOf(customer, ({ unreadCount }) => unreadCount === 2)
    const messages = await org.messages(id)
    expect(messages.map(({ text }) => text)).toEqual(['One', 'Two'])
    expect(lastInboundAt).toBe(messages[1].createdAt)
  })
})
