import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hours } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { type ChannelKind, done, refused, type TestAgent } from '../support/organization.js'
import { type ReplyDesk, replyDesk } from '../support/reply.js'
import { startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
  await tellProvider(service, 'settings', { reportDelayMs: 10 })
})
afterAll(() => service.close())

async function desk(kind: ChannelKind, agentMaySend: boolean): Promise<ReplyDesk> {
  const at = await replyDesk(service, kind)
  const channel = kind.split(' ')[1]
  if (agentMaySend) await at.org.addWorkstream(at.number, { channel, attachments: { agent: true } })
  return at
}

async function upload(
  { key }: Pick<TestAgent, 'key'>,
  content: string,
  { contentType = 'application/pdf', fileName = 'Invoice.pdf' } = {},
): Promise<any> {
  const form = new FormData()
  form.set('file', new Blob([content], { type: contentType }), fileName)
  const answer = await fetch(`${service.url}/v1/media`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: form,
  })
  expect(answer.status).toBe(201)
  return answer.json()
}

const sentTo = (at: ReplyDesk) =>
  service.simulator
    .sent()
    .filter(({ customer, number }) => customer === at.customer && number === at.number.number)

describe('files from agents', () => {
  it.each<ChannelKind>(['twilio sms', 'twilio whatsapp'])('reach the customer over %s', async (kind) => {
    const at = await desk(kind, true)
    const file = await upload(at.agent, '%PDF-1.4 invoice')

    const { id, media } = (await done(at.post({ text: 'See attached', media: [{ id: file.id }] }), 202)).body

    await at.message(id, ({ status }) => ['delivered', 'read'].includes(status))
    expect(media).toMatchObject([{ id: file.id, contentType: 'application/pdf', fileName: 'Invoice.pdf' }])
    const [sent] = sentTo(at)
    expect(sent?.text).toBe('See attached')
    const received = await fetch(`${service.simulator.url}${sent?.media[0]?.url}`)
    expect(received.headers.get('content-type')).toBe('application/pdf')
    expect(await received.text()).toBe('%PDF-1.4 invoice')
  })

  it('need no text', async () => {
    const at = await desk('twilio sms', true)
    const file = await upload(at.agent, 'x', { contentType: 'image/png', fileName: 'dot.png' })

    const { id } = (await done(at.post({ media: [{ id: file.id }] }), 202)).body

    await at.becomes(id, 'delivered')
    expect(sentTo(at)).toMatchObject([{ text: '' }])
  })

  it('are refused while the agents’ switch is off, and nothing is sent', async () => {
    const at = await desk('twilio sms', false)
    const file = await upload(at.agent, 'x')

    await refused(at.post({ text: 'Hi', media: [{ id: file.id }] }), 422, 'attachments_disabled')

    expect(sentTo(at)).toEqual([])
    expect(await at.org.messages(at.id)).toHaveLength(1)
  })

  it('are refused over Telesign, which takes none, whatever the switch says', async () => {
    const at = await desk('telesign sms', true)
    const file = await upload(at.agent, 'x')

    await refused(at.post({ media: [{ id: file.id }] }), 422, 'attachments_disabled')
  })

  it.each([
    ['a type that the channel does not take', { contentType: 'text/html', fileName: 'a.html' }, 1],
    ['more than one on WhatsApp', {}, 2],
  ])('%s is refused', async (_, how, count) => {
    const at = await desk('twilio whatsapp', true)
    const files = await Promise.all(Array.from({ length: count }, () => upload(at.agent, 'x', how)))

    await refused(at.post({ media: files.map(({ id }) => ({ id })) }), 422, 'validation_failed')
  })

  it('can be used once, and not by another organization', async () => {
    const at = await desk('twilio sms', true)
    const foreign = await desk('twilio sms', true)
    const file = await upload(at.agent, 'x')

    await refused(foreign.post({ media: [{ id: file.id }] }), 422, 'validation_failed')
    await done(at.post({ media: [{ id: file.id }] }), 202)

    await refused(at.post({ media: [{ id: file.id }] }), 422, 'validation_failed')
  })

  it('that were not used within 24 hours are gone', async () => {
    const at = await desk('twilio sms', true)
    const file = await upload(at.agent, 'x')

    clock.forward(hours(24))

    await refused(at.post({ media: [{ id: file.id }] }), 422, 'validation_failed')
  })
})

describe('the address from which the provider fetches a file', () => {
  it('needs no key, works for a while and not for ever, and is no other file’s', async () => {
    const at = await desk('twilio sms', true)
    const file = await upload(at.agent, 'content')
    const other = await upload(at.agent, 'secret')
    const { id } = (await done(at.post({ media: [{ id: file.id }] }), 202)).body
    await at.becomes(id, 'delivered')
    const url = sentTo(at)[0]?.mediaUrls[0] ?? ''

    const soon = await fetch(url)
    const forged = await fetch(url.replace(file.id, other.id))
    const prolonged = await fetch(
      url.replace(/expires=(\d+)/, (_, expires) => `expires=${Number(expires) + 1}`),
    )
    clock.forward(hours(4))
    const late = await fetch(url)

    expect(url.startsWith(`${service.url}/media/`)).toBe(true)
    expect(await soon.text()).toBe('content')
    expect([forged.status, prolonged.status, late.status]).toEqual([404, 404, 404])
  })
})
