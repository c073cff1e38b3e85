import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { minutes } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

const quarantined = (org: TestOrganization, count = 1): Promise<any[]> =>
  eventually(
    async () => (await done(org.admin.get('/v1/quarantine'), 200)).body.data,
    (rows) => rows.length === count,
  )

describe('a message to a number that the account does not have in our records', () => {
  it('is answered, kept with its reason, and reaches an agent after the number was added and it was released', async () => {
    const org = await TestOrganization.create(service)
    const agent = await org.addAgent()
    const number = await org.addNumber('twilio sms')
    const forgotten = `+1425${Date.now() % 10_000_000}`.padEnd(12, '0')
    await tellProvider(service, 'accounts', {
      provider: 'twilio',
      credentials: number.credentials,
      callbackUrl: number.callbackUrl,
      numbers: [{ number: forgotten }],
    })
    const customer = newCustomer()
    const before = clock.now()

    const answer = await tellProvider(service, 'text', { from: customer, to: forgotten, text: 'Anybody?' })
    const [kept] = await quarantined(org)
    clock.forward(minutes(90))
    await done(org.admin.post('/v1/channel-numbers', { accountId: number.accountId, number: forgotten }), 201)
    await done(org.admin.post(`/v1/quarantine/${kept.id}/release`), 200)

    expect(answer.callback.status).toBe(200)
    expect(kept).toMatchObject({ reason: 'unknown_number', kind: 'message', from: customer, to: forgotten })
    expect(kept.detail).toContain(forgotten)
    const offered = await org.conversationOf(customer, ({ status }) => status === 'active')
    expect(offered).toMatchObject({ agentId: agent.id, businessNumber: forgotten })
    expect(Date.parse(offered.lastInboundAt) - before.getTime()).toBeLessThan(minutes(1))
    expect(await quarantined(org, 0)).toEqual([])
  })
})

describe('what is signed and makes no sense', () => {
  it('content of an unsupported channel is kept with its reason', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')

    const answer = await org.customerTexts(newCustomer(), number, 'Hello', {
      raw: { From: 'messenger:1234567890', To: 'messenger:987654321' },
    })

    expect(answer.callback.status).toBe(200)
    expect(await quarantined(org)).toMatchObject([{ reason: 'unsupported_content', state: 'set_aside' }])
  })

  it('an unknown status is kept with its reason, and changes no message', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const customer = newCustomer()

    const answer = await org.customerTexts(customer, number, 'Hello', {
      raw: { MessageStatus: 'teleported', SmsStatus: 'teleported' },
    })

    expect(answer.callback.status).toBe(200)
    const [kept] = await quarantined(org)
    expect(kept).toMatchObject({ reason: 'unknown_status', kind: 'status' })
    expect(kept.detail).toContain('teleported')
    expect((await org.admin.get(`/v1/conversations?customerAddress=${customer.slice(1)}`)).body.data).toEqual(
      [],
    )
  })

  it('a body without sense is kept with its reason', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('telesign sms')

    const answer = await org.customerTexts(newCustomer(), number, 'Hello', {
      raw: { user_response: { phone_number: null, sender_id: 7 }, status: 'surely' },
    })

    expect(answer.callback.status).toBe(200)
    const [kept] = await quarantined(org)
    expect(kept.detail).not.toBe('')
    expect(['unintelligible', 'unsupported_content', 'unknown_status']).toContain(kept.reason)
  })

  it('half an emoji does no harm', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('telesign sms')
    const customer = newCustomer()

    await org.customerTexts(customer, number, 'Half \ud83d of it', {
      raw: { user_response: { mo_message: 'Half \ud83d of it' } },
    })

    const { id } = await org.conversationOf(customer)
    expect((await org.messages(id))[0].text).toBe('Half \ufffd of it')
  })

  it('a report of a message that nobody here sent is kept after several looks', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const raw = { MessageStatus: 'delivered', SmsStatus: 'delivered' }

    const answer = await org.customerTexts(newCustomer(), number, '', { raw })
    const [kept] = await eventually(
      async () => {
        clock.forward(minutes(1))
        return (await done(org.admin.get('/v1/quarantine'), 200)).body.data
      },
      (rows) => rows.length === 1,
      15_000,
    )

    expect(answer.callback.status).toBe(200)
    expect(kept).toMatchObject({ reason: 'unknown_message', kind: 'status' })
  })
})
