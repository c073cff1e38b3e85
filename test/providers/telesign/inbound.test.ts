import { describe, expect, it } from 'vitest'
import { identifyTelesign, parseTelesign } from '../../../src/providers/telesign/inbound.js'
import { telesignAccount, telesignRequest } from '../provider-cases.js'

const reference = '0123456789ABCDEF0123456789ABCDEF'

const message = {
  reference_id: reference,
  sub_resource: 'mo_sms',
  submit_timestamp: '2026-01-01T10:00:00.000000Z',
  status: { code: 1500, description: 'Delivered to customer', updated_on: '2026-01-01T10:00:00.000000Z' },
  errors: [],
  user_response: {
    phone_number: '15550001111',
    sender_id: '15550002222',
    mo_message: 'Hello',
    iso_country_code: 'US',
    action: 'generic',
    keyword: '',
  },
}

const answered = (change: Record<string, unknown>) => ({
  ...message,
  user_response: { ...message.user_response, ...change },
})

describe('a message from Telesign', () => {
  it('is read whole, and what has no place of its own is kept', () => {
    const event = parseTelesign(telesignRequest({ ...message, price: 0.01, more: { a: 1 } }))

    expect(event).toEqual({
      type: 'message',
      providerMessageId: reference,
      channel: 'sms',
      from: '+15550001111',
      to: '+15550002222',
      aliases: [],
      text: 'Hello',
      media: [],
      location: null,
      profileName: null,
      replyTo: null,
      consent: null,
      details: {
        submit_timestamp: '2026-01-01T10:00:00.000000Z',
        price: '0.01',
        more: '{"a":1}',
        iso_country_code: 'US',
        action: 'generic',
      },
    })
  })

  it.each([
    ['without its kind', { ...message, sub_resource: undefined }],
    ['with errors as an object', { ...message, errors: {} }],
    ['without a status', { ...message, status: undefined }],
    ['with numbers that are numbers', answered({ phone_number: 15550001111, sender_id: 15550002222 })],
  ])('%s it is the same message', (_name, body) => {
    const event = parseTelesign(telesignRequest(body))

    expect(event).toMatchObject({ type: 'message', from: '+15550001111', to: '+15550002222', text: 'Hello' })
  })

  it('without a text it is an empty message', () => {
    const event = parseTelesign(telesignRequest(answered({ mo_message: undefined })))

    expect(event).toMatchObject({ type: 'message', text: '' })
  })

  it('half a surrogate pair, which no database takes, is replaced', () => {
    const body = JSON.stringify(message).replace('Hello', 'a\\ud83d\\u0000b\\ud83d\\ude00')

    const event = parseTelesign(telesignRequest(body))

    expect(event).toMatchObject({ text: 'a\ufffdb😀' })
  })

  it('to a short code it names that', () => {
    const event = parseTelesign(telesignRequest(answered({ sender_id: '12345' })))

    expect(event).toMatchObject({ to: '12345' })
  })

  it.each([
    ['stop', 'Basta', 'stop'],
    ['start', 'x', 'start'],
    ['help', 'x', 'help'],
    ['generic', 'ARRÊT', 'stop'],
    ['generic', 'arre\u0302t', 'stop'],
    ['generic', 'aide', 'help'],
    ['generic', 'yes', null],
  ])('with the action %s and the text %s its consent is %s', (action, text, consent) => {
    const event = parseTelesign(telesignRequest(answered({ action, mo_message: text })))

    expect(event).toMatchObject({ consent })
  })

  it('of another product it is kept as unsupported', () => {
    const event = parseTelesign(telesignRequest({ ...message, sub_resource: 'mo_mms' }))

    expect(event).toMatchObject({ type: 'ignored', reason: 'unsupported_content' })
  })

  it.each(['phone_number', 'sender_id'])('without %s it makes no sense', (missing) => {
    const event = parseTelesign(telesignRequest(answered({ [missing]: undefined })))

    expect(event).toMatchObject({ type: 'ignored', reason: 'unintelligible' })
  })
})

const report = {
  reference_id: reference,
  external_id: '0198c5f2-7a00-7000-8000-000000000001',
  sub_resource: 'sms',
  errors: [],
  status: { code: 200, description: 'Delivered to handset', updated_on: '2026-01-01T10:00:05.000000Z' },
  additional_info: { mcc: '310', message_parts_count: 2 },
}

const withCode = (code: unknown) => ({ ...report, status: { code, description: 'Said so' } })

const failing = [
  207, 210, 211, 220, 221, 222, 229, 230, 231, 233, 237, 238, 500, 501, 502, 503, 504, 505, 506, 507, 508,
  509, 510, 511, 512, 513, 514, 515, 517, 518, 519, 520, 521, 10031, 10032,
]

describe('a status from Telesign', () => {
  it.each<[number | string, string]>([
    [200, 'delivered'],
    ['200', 'delivered'],
    [201, 'delivered'],
    [203, 'sent'],
    [250, 'sent'],
    [251, 'sent'],
    [290, 'queued'],
    [292, 'queued'],
    [295, 'queued'],
    ...failing.map((code): [number, string] => [code, 'failed']),
  ])('%s is our %s', (code, status) => {
    const event = parseTelesign(telesignRequest(withCode(code)))

    expect(event).toMatchObject({
      type: 'status',
      providerMessageId: reference,
      messageId: report.external_id,
      status,
    })
  })

  it.each([599, 1500, 3000, 999, 'constructor', true])('%s is not known, and kept', (code) => {
    const event = parseTelesign(telesignRequest(withCode(code)))

    expect(event.type).toBe('ignored')
  })

  it.each([
    [
      'the other date format',
      { ...report, status: { ...report.status, updated_on: 'Thu, 23 Jun 2022 19:03:44 GMT' } },
    ],
    ['errors as an object', { ...report, errors: {} }],
    ['neither kind, errors nor additions', { reference_id: reference, status: { code: 200 } }],
  ])('with %s it is read', (_name, body) => {
    const event = parseTelesign(telesignRequest(body))

    expect(event).toMatchObject({ type: 'status', status: 'delivered', error: null })
  })

  it('another system’s message on the same account is not taken for ours', () => {
    const event = parseTelesign(telesignRequest({ ...report, external_id: 'order-17' }))

    expect(event).toMatchObject({ type: 'status', messageId: null })
  })

  it.each([
    [510, { providerCode: '510', optedOut: true, message: expect.stringContaining('opted out') }],
    [514, { providerCode: '514', optedOut: false, message: expect.stringContaining('out of coverage') }],
  ])('a failure with the code %s says why', (code, error) => {
    const event = parseTelesign(telesignRequest(withCode(code)))

    expect(event).toMatchObject({ status: 'failed', error: { windowClosed: false, ...error } })
  })

  it('without a code it makes no sense', () => {
    const event = parseTelesign(telesignRequest({ ...report, status: undefined }))

    expect(event).toMatchObject({ type: 'ignored', reason: 'unintelligible' })
  })

  it('each code is a report of its own, in the message’s lane', () => {
    const identityOf = (code: number) => identifyTelesign(telesignRequest(withCode(code)), telesignAccount)

    const [first, second] = [identityOf(203), identityOf(200)]

    expect([first.kind, first.key, first.lane]).toEqual(['status', `${reference}:203:`, reference])
    expect(second.key).toBe(`${reference}:200:`)
  })

  it('the Customer ID is compared without regard to case', () => {
    const identity = identifyTelesign(telesignRequest(report), telesignAccount.toLowerCase())

    expect(identity.namesAccount).toBe(true)
  })
})
