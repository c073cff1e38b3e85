import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hours, later } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { type ChannelKind, done, refused } from '../support/organization.js'
import { type ReplyDesk, replyDesk } from '../support/reply.js'
import { startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { troubledSending } from '../support/troubled-sending.js'

const clock = new TestClock()
const tooLate = 'This conversation has exceeded the 24 hour limit to respond to the customer.'
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
  await tellProvider(service, 'settings', { reportDelayMs: 10 })
})
afterAll(() => service.close())

const desk = (kind: ChannelKind) => replyDesk(service, kind)

const { isPutOff } = troubledSending(() => service, clock)

const fault = (at: ReplyDesk, fields: object) =>
  tellProvider(service, 'faults', { to: at.customer, ...fields })

describe.each<ChannelKind>(['twilio sms', 'twilio whatsapp', 'telesign sms'])('an answer over %s', (kind) => {
  it('of 1600 characters is sent whole, as one message', async () => {
    const at = await desk(kind)
    const text = `${'ż'.repeat(1598)}🦜`

    const { id } = await at.reply(text)

    await at.becomes(id, kind === 'twilio whatsapp' ? 'read' : 'delivered')
    expect(at.sent()).toEqual([text])
  })

  it('of 1601 characters is refused with its length, and nothing is sent', async () => {
    const at = await desk(kind)

    await refused(at.post({ text: 'x'.repeat(1601) }), 422, 'message_too_long', { length: 1601, limit: 1600 })

    expect(at.sent()).toEqual([])
    expect(await at.org.messages(at.id)).toHaveLength(1)
  })

  it('to a customer who texted STOP is refused until they text START', async () => {
    const at = await desk(kind)
    await at.customerTexts(' Stop ')

    await refused(at.post({ text: 'Wait' }), 409, 'contact_opted_out')
    await at.customerTexts('hello?')
    await refused(at.post({ text: 'Wait' }), 409, 'contact_opted_out')
    await at.customerTexts('START')
    const { id } = await at.reply('Welcome back')

    await at.message(id, ({ status }) => ['delivered', 'read'].includes(status))
    expect(at.sent()).toEqual(['Welcome back'])
  })

  it('several at once reach the customer in the order in which the agent sent them', async () => {
    const at = await desk(kind)
    await fault(at, { mode: 'delay', delayMs: 200 })
    const texts = ['One', 'Two', 'Three', 'Four']

    for (const text of texts) await at.reply(text)

    const last = (await at.org.messages(at.id)).at(-1)
    await at.message(last.id, ({ status }) => ['sent', 'delivered', 'read'].includes(status))
    expect(at.sent()).toEqual(texts)
  })
})

describe('the WhatsApp window', () => {
  it('is open 23:59:59.999 after the customer’s last message', async () => {
    const at = await desk('twilio whatsapp')
    clock.holdAt(later(at.lastInboundAt, hours(24) - 1))

    const { id } = await at.reply('Just in time')
    const sent = await at.becomes(id, 'read')
    const { replyWindow } = await at.org.conversation(at.id)
    clock.runOn()

    expect(sent.error).toBeNull()
    expect(replyWindow).toEqual({ open: true, expiresAt: later(at.lastInboundAt, hours(24)).toISOString() })
  })

  it('is closed exactly 24:00:00 after it, and open again when the customer writes', async () => {
    const at = await desk('twilio whatsapp')
    clock.holdAt(later(at.lastInboundAt, hours(24)))

    const refusal = await refused(at.post({ text: 'Too late' }), 409, 'session_window_closed')
    const { replyWindow } = await at.org.conversation(at.id)
    await at.customerTexts('Still there?')
    const { id } = await at.reply('Yes')
    await at.becomes(id, 'read')
    clock.runOn()

    expect(refusal.detail).toBe(tooLate)
    expect(replyWindow.open).toBe(false)
    expect(at.sent()).toEqual(['Yes'])
  })

  it('does not exist on SMS', async () => {
    const at = await desk('twilio sms')
    clock.forward(hours(48))

    const { id } = await at.reply('Two days later')

    await at.becomes(id, 'delivered')
  })

  it('that closes between the request and the sending stops the message, with the same sentence', async () => {
    const at = await desk('twilio whatsapp')
    await fault(at, { mode: 'http_429' })
    clock.holdAt(later(at.lastInboundAt, hours(24) - 1))
    const first = await at.reply('Held up by the provider')
    const second = await at.reply('Waits behind it')
    await isPutOff(first.id, 1)

    clock.forward(60_000)
    const failed = [await at.becomes(first.id, 'failed'), await at.becomes(second.id, 'failed')]
    clock.runOn()

    for (const { error } of failed) {
      expect(error).toEqual({ code: 'session_window_closed', message: tooLate, providerCode: null })
    }
    expect(at.sent()).toEqual([])
  })

  it.each(['sync', 'async'])(
    'that the provider holds for closed (%s) gives the same sentence',
    async (window) => {
      const at = await desk('twilio whatsapp')
      await tellProvider(service, 'accounts', {
        provider: 'twilio',
        channel: 'whatsapp',
        credentials: at.number.credentials,
        callbackUrl: at.number.callbackUrl,
        options: { window },
      })
      const old = later(new Date(), -hours(25)).toISOString()
      await tellProvider(service, 'window', {
        customer: at.customer,
        number: at.number.number,
        lastInboundAt: old,
      })

      const { id } = await at.reply('Hello')

      const failed = await at.becomes(id, 'failed')
      expect(failed.error).toEqual({ code: 'session_window_closed', message: tooLate, providerCode: '63016' })
    },
  )
})

describe('what the provider reports as opted out', () => {
  it.each([
    ['in its answer', { mode: 'refuse', code: '21610' }, 'failed'],
    ['by a report', { mode: 'fail_delivery', code: '21610' }, 'undelivered'],
  ])('%s is kept, and nothing more is sent until the customer opts in', async (_, how, status) => {
    const at = await desk('twilio sms')
    await fault(at, how)

    const { id } = await at.reply('Hello')

    const failed = await at.becomes(id, status)
    expect(failed.error).toMatchObject({ code: 'contact_opted_out', providerCode: '21610' })
    await refused(at.post({ text: 'Hello again' }), 409, 'contact_opted_out')
    await at.customerTexts('start')
    await at.reply('Welcome back')
  })
})

describe('what the organization may not send', () => {
  it('a channel that was switched off sends nothing, not even what was queued before', async () => {
    const at = await desk('twilio whatsapp')
    await fault(at, { mode: 'http_429' })
    const { id } = await at.reply('Held up')
    await isPutOff(id, 1)
    const channels = (whatsapp: boolean) =>
      done(
        service
          .as(service.platformKey)
          .patch(`/v1/organizations/${at.org.id}`, { channels: { sms: true, whatsapp } }),
        200,
      )
    await channels(false)

    await refused(at.post({ text: 'Hello' }), 409, 'channel_disabled')
    clock.forward(10_000)
    const failed = await at.becomes(id, 'failed')
    await channels(true)
    await at.reply('Now it may')

    expect(failed.error.code).toBe('channel_disabled')
    expect(at.sent()).not.toContain('Held up')
  })

  it('a number that was deleted sends nothing more, and its conversation stays readable', async () => {
    const at = await desk('twilio sms')
    await done(at.org.admin.delete(`/v1/channel-numbers/${at.number.id}`), 204)

    await refused(at.post({ text: 'Hello' }), 409, 'channel_disabled')

    expect((await at.org.messages(at.id)).map(({ text }) => text)).toEqual(['Hello'])
    expect(at.sent()).toEqual([])
  })

  it('a number that was deleted and added again goes on when the customer writes', async () => {
    const at = await desk('twilio sms')
    const { accountId, number } = at.number
    await done(at.org.admin.delete(`/v1/channel-numbers/${at.number.id}`), 204)
    await done(at.org.admin.post('/v1/channel-numbers', { accountId, number }), 201)

    await at.customerTexts('Still there?')
    const { id } = await at.reply('Yes')

    await at.becomes(id, 'delivered')
    expect(at.sent()).toEqual(['Yes'])
  })
})

describe('calls', () => {
  it('the same Idempotency-Key many times at once sends one message', async () => {
    const at = await desk('twilio sms')

    const answers = await Promise.all(
      Array.from({ length: 6 }, () => at.post({ text: 'Once' }, { 'idempotency-key': 'reply-1' })),
    )
    const other = await at.post({ text: 'Twice' }, { 'idempotency-key': 'reply-1' })

    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(202))
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect(other.body.code).toBe('idempotency_key_reused')
    await at.becomes(answers[0]?.body.id, 'delivered')
    expect(at.sent()).toEqual(['Once'])
  })

  it.each([
    ['no text and no file', {}],
    ['blanks only', { text: ' \n ' }],
    ['an unknown field', { text: 'Hello', txt: 'Hello' }],
    ['a text that is none', { text: 7 }],
  ])('%s is refused', async (_, body) => {
    const at = await desk('twilio sms')

    await refused(at.post(body), 422, 'validation_failed')
  })

  it('NUL characters and half an emoji cannot be kept, the rest of the text is', async () => {
    const at = await desk('twilio sms')

    const { id, text } = await at.reply('a\u0000b \ud83d c')

    await at.becomes(id, 'delivered')
    expect(text).toBe('ab \ufffd c')
    expect(at.sent()).toEqual(['ab \ufffd c'])
  })
})
