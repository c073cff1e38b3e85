import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { standingCallbacks } from '../support/inbox.js'
import { type ChannelKind, newCustomer } from '../support/organization.js'
import { type ReplyDesk, replyDesk } from '../support/reply.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { runSql } from '../support/sql.js'
import { telesignReports } from '../support/telesign-report.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
  await tellProvider(service, 'settings', { reportDelayMs: 20 })
})
afterAll(() => service.close())

const desk = (kind: ChannelKind) => replyDesk(service, kind)
const fault = (at: ReplyDesk, mode: string) => tellProvider(service, 'faults', { to: at.customer, mode })
const last = (kind: ChannelKind) => (kind === 'twilio whatsapp' ? 'read' : 'delivered')

/** What agents' interfaces were told of the message, in order. */
async function told(at: ReplyDesk, id: string): Promise<string[]> {
  const rows = await runSql<{ type: string }>(
    service,
    `SELECT type FROM events WHERE org_id = $1 AND data->'message'->>'id' = $2 ORDER BY entry, ordinal`,
    [at.org.id, id],
  )
  return rows.map(({ type }) => type.replace('message.', ''))
}

/** The provider has made all its calls and all of them have been worked. */
async function allReported(at: ReplyDesk, count: number): Promise<void> {
  await eventually(
    () => standingCallbacks(service, at.org.id),
    (callbacks) =>
      callbacks.filter(({ kind, state }) => kind === 'status' && state === 'done').length === count,
  )
}

const kinds: ChannelKind[] = ['twilio sms', 'twilio whatsapp', 'telesign sms']

describe.each(kinds)('delivery reports over %s', (kind) => {
  const steps = kind === 'twilio whatsapp' ? 3 : 2

  it('move the message forward, with the time of each step', async () => {
    const at = await desk(kind)

    const { id } = await at.reply('Hello')

    const message = await at.becomes(id, last(kind))
    // Telesign's answer does not say how many
    expect(message).toMatchObject({ error: null, segments: kind === 'telesign sms' ? null : 1 })
    expect(message.providerMessageId).toMatch(kind === 'telesign sms' ? /^[0-9A-F]{32}$/ : /^SM/)
    expect([message.sentAt, message.deliveredAt].every((time) => time !== null)).toBe(true)
    expect(message.readAt === null).toBe(kind !== 'twilio whatsapp')
    expect(await told(at, id)).toEqual([
      'queued',
      'sent',
      'delivered',
      ...(kind === 'twilio whatsapp' ? ['read'] : []),
    ])
  })

  it('in the wrong order never take it back', async () => {
    const at = await desk(kind)
    await fault(at, 'reports_reversed')

    const { id } = await at.reply('Hello')
    await allReported(at, steps)

    expect((await at.becomes(id, last(kind))).error).toBeNull()
    const types = await told(at, id)
    expect(types.filter((type) => type !== 'sent')).toEqual(['queued', last(kind)])
  })

  it('that come twice are told once', async () => {
    const at = await desk(kind)
    await fault(at, 'report_twice')

    const { id } = await at.reply('Hello')
    await allReported(at, steps)

    await at.becomes(id, last(kind))
    expect((await told(at, id)).filter((type) => type === 'delivered')).toHaveLength(1)
  })

  it('that overtake the provider’s own answer are not undone by it', async () => {
    const at = await desk(kind)
    await fault(at, 'report_before_answer')

    const { id } = await at.reply('Hello')
    await allReported(at, steps)

    const message = await at.message(id, ({ segments }) => kind === 'telesign sms' || segments === 1)
    expect(message).toMatchObject({ status: last(kind), error: null })
    expect(at.sent()).toEqual(['Hello'])
    expect(await told(at, id)).not.toContain('failed')
  })
})

it('a report of Twilio without our id finds its message by the provider’s', async () => {
  await tellProvider(service, 'settings', { reports: false })
  const at = await desk('twilio sms')
  const { id } = await at.reply('Hello')
  const { providerMessageId } = await at.becomes(id, 'sent')

  await at.org.customerTexts(newCustomer(), at.number, '', {
    raw: {
      MessageSid: providerMessageId,
      SmsSid: providerMessageId,
      MessageStatus: 'delivered',
      SmsStatus: 'delivered',
    },
  })

  await at.becomes(id, 'delivered')
  await tellProvider(service, 'settings', { reports: true })
})

it('a report of Telesign without our id finds its message by the provider’s', async () => {
  await tellProvider(service, 'settings', { reports: false })
  const at = await desk('telesign sms')
  const { id } = await at.reply('Hello')
  const { providerMessageId } = await at.becomes(id, 'sent')

  const answer = await telesignReports(at.number, {
    reference_id: providerMessageId,
    status: { code: 200, updated_on: 'Thu, 23 Jun 2022 19:03:44 GMT' },
  })

  expect(answer).toBe(200)
  await at.becomes(id, 'delivered')
  await tellProvider(service, 'settings', { reports: true })
})

it('a report of another account’s message changes nothing here', async () => {
  const at = await desk('twilio sms')
  const foreign = await desk('telesign sms')
  await tellProvider(service, 'settings', { reports: false })
  const { id } = await at.reply('Hello')
  await at.becomes(id, 'sent')

  await telesignReports(foreign.number, {
    reference_id: 'ABCDEF0123456789ABCDEF0123456789',
    external_id: id,
    status: { code: 207, description: 'Error delivering SMS to handset' },
  })
  await eventually(
    () => standingCallbacks(service, foreign.org.id),
    (callbacks) => callbacks.some(({ kind, attempts }) => kind === 'status' && attempts > 0),
  )

  expect((await at.becomes(id, 'sent')).error).toBeNull()
  await tellProvider(service, 'settings', { reports: true })
})
