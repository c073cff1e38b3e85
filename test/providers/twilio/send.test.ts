import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { windowClosedSentence } from '../../../src/providers/provider-error.js'
import { createTwilio } from '../../../src/providers/twilio/provider.js'
import { type FakeApi, fakeApi, json, type Received } from '../fake-api.js'
import { noon, reply, twilioAccount, twilioCase } from '../provider-cases.js'

let api: FakeApi | null = null

afterEach(async () => {
  await api?.close()
  api = null
})

const credentials = { accountSid: twilioAccount, authToken: 'test-token-1' }

async function twilioAt(answer: (request: Received, response: ServerResponse) => void) {
  api = await fakeApi(answer)
  return { api, twilio: createTwilio(api.url, 1000) }
}

const accepting = (_: Received, response: ServerResponse) => json(response, 201, twilioCase.accepted.body)

describe('a message to Twilio', () => {
  it('an SMS has sender, recipient, text and our id in the URL for reports, and nothing else', async () => {
    const { api, twilio } = await twilioAt(accepting)

    await twilio.send(reply({ text: 'Olá ☎ a+b&c=d\r\n' }), credentials, noon)

    const [request] = api.received
    expect(request?.path).toBe(`/2010-04-01/Accounts/${twilioAccount}/Messages.json`)
    expect(request?.headers.authorization).toBe(
      `Basic ${Buffer.from(`${twilioAccount}:test-token-1`).toString('base64')}`,
    )
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      From: '+15550002222',
      To: '+15550001111',
      Body: 'Olá ☎ a+b&c=d\r\n',
      StatusCallback:
        'https://hooks.example.com/callbacks/x/status?message=0198c5f2-7a00-7000-8000-000000000001',
    })
  })

  it('WhatsApp addresses have their prefix on both sides, also an id that is no number', async () => {
    const { api, twilio } = await twilioAt(accepting)

    await twilio.send(reply({ channel: 'whatsapp', to: 'US.abc123' }), credentials, noon)

    const form = api.received[0]?.form
    expect([form?.get('From'), form?.get('To')]).toEqual(['whatsapp:+15550002222', 'whatsapp:US.abc123'])
  })

  it('a short code is a sender as it is', async () => {
    const { api, twilio } = await twilioAt(accepting)

    await twilio.send(reply({ from: '12345' }), credentials, noon)

    expect(api.received[0]?.form.get('From')).toBe('12345')
  })

  it('files are named one by one, and without a text there is no Body', async () => {
    const { api, twilio } = await twilioAt(accepting)
    const mediaUrls = ['https://h.example/a?s=1', 'https://h.example/b?s=2']

    await twilio.send(reply({ text: '', mediaUrls }), credentials, noon)

    const form = api.received[0]?.form
    expect(form?.getAll('MediaUrl')).toEqual(mediaUrls)
    expect(form?.has('Body')).toBe(false)
  })

  it.each([
    ['sms', 11],
    ['whatsapp', 2],
  ] as const)('over %s %s files are too many', async (channel, count) => {
    const { api, twilio } = await twilioAt(accepting)
    const mediaUrls = Array.from({ length: count }, (_, n) => `https://h.example/${n}`)

    const sending = twilio.send(reply({ channel, mediaUrls }), credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'rejected' })
    expect(api.received).toHaveLength(0)
  })

  it('a URL for reports with a query and a fragment keeps both', async () => {
    const { api, twilio } = await twilioAt(accepting)

    await twilio.send(reply({ statusCallbackUrl: 'https://h.example/s?a=1#rc=5&rp=all' }), credentials, noon)

    expect(api.received[0]?.form.get('StatusCallback')).toBe(
      'https://h.example/s?a=1&message=0198c5f2-7a00-7000-8000-000000000001#rc=5&rp=all',
    )
  })

  it('organizations do not get each other’s credentials over a shared connection', async () => {
    const { api, twilio } = await twilioAt(accepting)
    const other = { accountSid: `AC${'1'.repeat(32)}`, authToken: 'test-token-2' }

    await Promise.all([twilio.send(reply(), credentials, noon), twilio.send(reply(), other, noon)])

    const pairs = api.received.map(({ path, headers }) => [
      path.split('/')[3],
      Buffer.from(headers.authorization?.slice(6) ?? '', 'base64').toString(),
    ])
    expect(new Map(pairs as [string, string][])).toEqual(
      new Map([
        [credentials.accountSid, `${credentials.accountSid}:${credentials.authToken}`],
        [other.accountSid, `${other.accountSid}:${other.authToken}`],
      ]),
    )
  })

  it.each([
    [400, 21211, 'rejected'],
    [400, 21212, 'misconfigured'],
    [400, 21408, 'misconfigured'],
    [400, 21610, 'opted_out'],
    [429, 21611, 'throttled'],
    [400, 21611, 'throttled'],
    [400, 21614, 'rejected'],
    [400, 21617, 'too_long'],
    [400, 21658, 'too_long'],
    [400, 63016, 'window_closed'],
    [400, 63014, 'opted_out'],
    [401, 20003, 'misconfigured'],
    [403, 20008, 'misconfigured'],
    [404, 20404, 'misconfigured'],
    [429, 20429, 'throttled'],
    [400, 99999, 'rejected'],
    [500, 20500, 'outcome_unknown'],
    [503, 20503, 'outcome_unknown'],
  ])('refused with HTTP %s and code %s it is %s', async (status, code, kind) => {
    const { twilio } = await twilioAt((_, response) =>
      json(response, status, { code, message: 'No', more_info: 'x', status }),
    )

    const sending = twilio.send(reply(), credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind, providerCode: String(code) })
  })

  it('63016 says the sentence that agents know', async () => {
    const { twilio } = await twilioAt((_, response) => json(response, 400, { code: 63016, message: 'No' }))

    const sending = twilio.send(reply({ channel: 'whatsapp' }), credentials, noon)

    await expect(sending).rejects.toThrow(windowClosedSentence)
  })

  it('a refusal in the newer problem form is read alike', async () => {
    const problem = { type: 'urn:x', title: 'Opted out', status: 400, code: 21610 }
    const { twilio } = await twilioAt((_, response) => json(response, 400, problem))

    const sending = twilio.send(reply(), credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'opted_out', providerCode: '21610' })
  })

  it('a message that Twilio takes and fails at once has failed', async () => {
    const body = { sid: 'SM1', status: 'failed', error_code: 63016, error_message: 'No' }
    const { twilio } = await twilioAt((_, response) => json(response, 201, body))

    const sending = twilio.send(reply({ channel: 'whatsapp' }), credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'window_closed', providerCode: '63016' })
  })

  it('segments that Twilio does not know yet are not zero', async () => {
    const body = { sid: 'SM1', status: 'accepted', num_segments: '0' }
    const { twilio } = await twilioAt((_, response) => json(response, 201, body))

    const receipt = await twilio.send(reply(), credentials, noon)

    expect(receipt).toEqual({ providerMessageId: 'SM1', status: 'queued', segments: null })
  })
})

describe('looking for a message whose answer was lost', () => {
  const row = (sid: string, body: string, created: string | null, status = 'queued') => ({
    sid,
    body,
    status,
    date_created: created,
    direction: 'outbound-api',
  })
  const rows = [
    row('SM5', 'Hi there', null),
    row('SM4', 'Hi there ', 'Thu, 01 Jan 2026 12:00:03 +0000'),
    row('SM3', 'Sent from your Twilio trial account - Hi there', 'Thu, 01 Jan 2026 12:00:02 +0000'),
    row('SM2', 'Hi there', 'Thu, 01 Jan 2026 11:59:56 +0000', 'delivered'),
    row('SM1', 'Hi there', 'Thu, 01 Jan 2026 11:59:54 +0000', 'sent'),
  ]

  it('finds those with the same text since then, also from a trial account and still unsent', async () => {
    const { api, twilio } = await twilioAt((_, response) => json(response, 200, { messages: rows }))

    const found = await twilio.findSent(reply({ channel: 'whatsapp' }), credentials, noon)

    expect(found).toEqual([
      { providerMessageId: 'SM5', status: 'queued' },
      { providerMessageId: 'SM3', status: 'queued' },
      { providerMessageId: 'SM2', status: 'delivered' },
    ])
    expect(api.received[0]?.query.get('From')).toBe('whatsapp:+15550002222')
    expect(api.received[0]?.query.get('To')).toBe('whatsapp:+15550001111')
  })

  it('finds none in an empty list', async () => {
    const { twilio } = await twilioAt((_, response) => json(response, 200, { messages: [] }))

    const found = await twilio.findSent(reply(), credentials, noon)

    expect(found).toEqual([])
  })

  it.each([
    ['HTTP 500', (response: ServerResponse) => json(response, 500, {}), 'unreachable'],
    ['HTTP 429', (response: ServerResponse) => json(response, 429, { code: 20429 }), 'throttled'],
    ['a reset', (response: ServerResponse) => response.destroy(), 'unreachable'],
    ['no JSON', (response: ServerResponse) => response.writeHead(200).end('<x/>'), 'unreachable'],
    ['another JSON', (response: ServerResponse) => json(response, 200, {}), 'unreachable'],
  ])('%s is no answer, not an empty list', async (_name, answer, kind) => {
    const { twilio } = await twilioAt((_, response) => answer(response))

    const finding = twilio.findSent(reply(), credentials, noon)

    await expect(finding).rejects.toMatchObject({ kind, retryable: true })
  })
})
