import { afterEach, describe, expect, it } from 'vitest'
import { createTelesign } from '../../../src/providers/telesign/provider.js'
import { type FakeApi, fakeApi, json } from '../fake-api.js'
import { noon, reply, telesignCase, telesignKey } from '../provider-cases.js'

let api: FakeApi | null = null

afterEach(async () => {
  await api?.close()
  api = null
})

const credentials = { customerId: 'CUST-0001', apiKey: telesignKey }

async function telesignThatAnswers(status: number, body: unknown) {
  api = await fakeApi((_, response) => json(response, status, body))
  return { api, telesign: createTelesign(api.url, 1000) }
}

describe('a message to Telesign', () => {
  it('has its numbers as digits, our id and the URL for reports, and nothing else', async () => {
    const { api, telesign } = await telesignThatAnswers(200, telesignCase.accepted.body)

    await telesign.send(reply({ text: 'Olá ☎ a+b&c=d\r\n' }), credentials, noon)

    expect(api.received[0]?.path).toBe('/v1/messaging')
    expect(Object.fromEntries(api.received[0]?.form ?? [])).toEqual({
      phone_number: '15550001111',
      message: 'Olá ☎ a+b&c=d\r\n',
      message_type: 'ARN',
      sender_id: '15550002222',
      external_id: '0198c5f2-7a00-7000-8000-000000000001',
      callback_url: 'https://hooks.example.com/callbacks/x/status',
    })
  })

  it.each([
    ['with a file', { mediaUrls: ['https://h.example/a'] }],
    ['over WhatsApp', { channel: 'whatsapp' as const }],
    ['to a sender name', { to: 'CONTOSO' }],
  ])('%s is refused', async (_name, change) => {
    const { api, telesign } = await telesignThatAnswers(200, telesignCase.accepted.body)

    const sending = telesign.send(reply(change), credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'rejected' })
    expect(api.received).toHaveLength(0)
  })

  it.each([
    [2, 2],
    ['3', 3],
    ['many', null],
    [undefined, null],
  ])('parts counted as %j are %j segments', async (count, segments) => {
    const body = {
      reference_id: 'R1',
      status: { code: 290 },
      additional_info: { message_parts_count: count },
    }
    const { telesign } = await telesignThatAnswers(200, body)

    const receipt = await telesign.send(reply(), credentials, noon)

    expect(receipt).toEqual({ providerMessageId: 'R1', status: 'queued', segments })
  })

  it.each([
    [290, 'queued'],
    [203, 'sent'],
    [200, 'delivered'],
    [4711, 'queued'],
  ])('taken with the code %s it is %s', async (code, status) => {
    const { telesign } = await telesignThatAnswers(200, { reference_id: 'R1', status: { code } })

    const receipt = await telesign.send(reply(), credentials, noon)

    expect(receipt.status).toBe(status)
  })

  it.each([
    [200, 510, 'opted_out'],
    [200, 220, 'rejected'],
    [200, 11000, 'rejected'],
    [400, 11000, 'rejected'],
    [400, 11009, 'rejected'],
    [400, 11013, 'misconfigured'],
    [400, 12017, 'rejected'],
    [401, 10008, 'misconfigured'],
    [401, 10010, 'misconfigured'],
    [401, 10015, 'misconfigured'],
    [402, 10030, 'misconfigured'],
    [429, 10019, 'throttled'],
    [429, 10020, 'misconfigured'],
    [400, -40007, 'throttled'],
    [401, -30006, 'misconfigured'],
    [500, 10000, 'outcome_unknown'],
    [503, -90001, 'outcome_unknown'],
    [200, 10000, 'outcome_unknown'],
  ])('refused with HTTP %s and code %s it is %s', async (status, code, kind) => {
    const body = { reference_id: 'R1', status: { code, description: 'No' } }
    const { telesign } = await telesignThatAnswers(status, body)

    const sending = telesign.send(reply(), credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind, providerCode: String(code) })
  })

  it('a refusal in the older form is read alike', async () => {
    const body = { errors: [{ code: -30006, description: 'Invalid Signature.' }] }
    const { telesign } = await telesignThatAnswers(401, body)

    const sending = telesign.send(reply(), credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'misconfigured', providerCode: '-30006' })
  })

  it('a wrong field is named in Telesign’s own words', async () => {
    const body = { status: { code: 11027, description: 'Invalid value for parameter message_type' } }
    const { telesign } = await telesignThatAnswers(400, body)

    const sending = telesign.send(reply(), credentials, noon)

    await expect(sending).rejects.toThrow('Invalid value for parameter message_type')
  })
})

describe('checking a Telesign account', () => {
  it.each([
    [404, 10017, 'valid'],
    [400, 11011, 'valid'],
    [401, 10015, 'wrong_credentials'],
    [401, 10022, 'wrong_credentials'],
    [401, 10008, 'wrong_credentials'],
    [401, 10002, 'wrong_credentials'],
    [401, -30006, 'wrong_credentials'],
    [401, 10010, 'not_usable'],
    [401, 10011, 'not_usable'],
    [401, 10014, 'not_usable'],
    [401, 10033, 'not_usable'],
    [401, 10035, 'not_usable'],
  ])('HTTP %s with code %s means %s', async (status, code, expected) => {
    const { api, telesign } = await telesignThatAnswers(status, { status: { code, description: 'x' } })

    const check = await telesign.checkCredentials(credentials)

    expect(check).toMatchObject({ ok: expected === 'valid', code: expected })
    expect(api.received[0]?.path).toBe(`/v1/messaging/${'0'.repeat(32)}`)
  })

  it('HTTP 401 without a code means wrong credentials', async () => {
    const { telesign } = await telesignThatAnswers(401, {})

    const check = await telesign.checkCredentials(credentials)

    expect(check.code).toBe('wrong_credentials')
  })

  it.each([
    [500, {}, 'unreachable'],
    [503, { status: { code: 10000 } }, 'unreachable'],
    [404, '<h1>nothing here</h1>', 'unreachable'],
    [429, { status: { code: 10019 } }, 'throttled'],
  ])('HTTP %s with %j says nothing of the credentials: %s', async (status, body, kind) => {
    const { telesign } = await telesignThatAnswers(status, body)

    const checking = telesign.checkCredentials(credentials)

    await expect(checking).rejects.toMatchObject({ kind })
  })

  it.each([
    { customerId: 'with blanks', apiKey: telesignKey },
    { customerId: 'CUST-0001', apiKey: 'VGVzdCBLZXk' },
    { customerId: 'CUST-0001', apiKey: '' },
  ])('%j has a form that no account has, so nothing is asked', async (malformed) => {
    const { api, telesign } = await telesignThatAnswers(404, { status: { code: 10017 } })

    const check = await telesign.checkCredentials(malformed)

    expect(check).toMatchObject({ ok: false, code: 'wrong_credentials' })
    expect(api.received).toHaveLength(0)
  })

  it('whether a number belongs to it cannot be asked, and that is said', async () => {
    const { telesign } = await telesignThatAnswers(500, {})

    const check = await telesign.checkNumber(
      { address: '+15550002222', channel: 'sms', type: 'long_code' },
      credentials,
    )

    expect(check).toMatchObject({ ok: true, code: 'not_checked' })
  })
})
