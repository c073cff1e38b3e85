import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { minutes, seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { type ChannelKind, done } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { troubledSending } from '../support/troubled-sending.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
  await tellProvider(service, 'settings', { reportDelayMs: 10 })
})
afterAll(() => service.close())

const { desk, fault, isPutOff } = troubledSending(() => service, clock)

describe('what passes', () => {
  it.each<ChannelKind>(['twilio sms', 'twilio whatsapp', 'telesign sms'])(
    'a busy provider is tried again, later each time, and the message is sent once (%s)',
    async (kind) => {
      const at = await desk(kind)
      await fault(at, 'http_429', { times: 2 })
      const { id } = await at.reply('Patience')

      const first = await isPutOff(id, 1)
      const firstWait = (first.dueAt?.getTime() ?? 0) - clock.now().getTime()
      clock.forward(seconds(5))
      const second = await isPutOff(id, 2)
      const secondWait = (second.dueAt?.getTime() ?? 0) - clock.now().getTime()
      clock.forward(seconds(10))

      await at.message(id, ({ status, error }) => ['delivered', 'read'].includes(status) && error === null)
      expect(firstWait).toBeLessThanOrEqual(seconds(5))
      expect(secondWait).toBeGreaterThan(seconds(5))
      expect(at.sent()).toEqual(['Patience'])
    },
  )

  it.each<ChannelKind>(['twilio sms', 'telesign sms'])(
    'a busy provider that says when to come again is not asked sooner (%s)',
    async (kind) => {
      const at = await desk(kind)
      await fault(at, 'http_429', { retryAfterSeconds: 120 })
      const { id } = await at.reply('In two minutes')

      const { dueAt } = await isPutOff(id, 1)
      const wait = (dueAt?.getTime() ?? 0) - clock.now().getTime()
      clock.forward(seconds(120))

      await at.becomes(id, 'delivered')
      expect(wait).toBeGreaterThan(seconds(60))
      expect(wait).toBeLessThanOrEqual(seconds(120))
      expect(at.sent()).toEqual(['In two minutes'])
    },
  )

  it('a provider that stays busy fails the message in the end', async () => {
    const at = await desk('twilio sms')
    await fault(at, 'http_429', { times: 0 })
    const { id } = await at.reply('Hopeless')

    for (let attempt = 1; attempt < 6; attempt++) {
      await isPutOff(id, attempt)
      clock.forward(minutes(5))
    }

    const failed = await at.becomes(id, 'failed')
    expect(failed.error).toMatchObject({ code: 'provider_busy', providerCode: '20429' })
    expect(at.sent()).toEqual([])
  })
})

describe('a definite refusal', () => {
  it.each([
    ['twilio sms', '21614', 'The customer’s number is not a mobile number and cannot receive SMS.'],
    ['twilio whatsapp', '63003', 'The customer’s number is not on WhatsApp.'],
  ] as const)(
    'over %s (%s) fails the message with the code and a sentence for people',
    async (kind, code, text) => {
      const at = await desk(kind)
      await fault(at, 'refuse', { code })

      const { id } = await at.reply('Hello')

      const failed = await at.becomes(id, 'failed')
      expect(failed.error).toEqual({ code: 'provider_rejected', message: text, providerCode: code })
      expect(failed.sentAt).toBeNull()
      const again = (
        await done(at.org.as(at.agent).post(`/v1/conversations/${at.id}/messages/${id}/resend`), 200)
      ).body
      expect(again).toMatchObject({ id, status: 'queued', error: null })
      await at.message(id, ({ status }) => ['delivered', 'read'].includes(status))
      expect(at.sent()).toEqual(['Hello'])
    },
  )

  it('over telesign fails the message with the code and a sentence for people', async () => {
    const at = await desk('telesign sms')
    await fault(at, 'refuse', { code: '11000' })

    const { id } = await at.reply('Hello')

    const { error } = await at.becomes(id, 'failed')
    expect(error).toMatchObject({ code: 'provider_rejected', providerCode: '11000' })
    expect(error.message.length).toBeGreaterThan(20)
  })

  it('that the account must be mended for says so', async () => {
    const at = await desk('twilio sms')
    await fault(at, 'refuse', { code: '20003' })

    const { id } = await at.reply('Hello')

    expect((await at.becomes(id, 'failed')).error).toMatchObject({
      code: 'account_misconfigured',
      providerCode: '20003',
    })
  })
})
