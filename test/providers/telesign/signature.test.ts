import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { createTelesign } from '../../../src/providers/telesign/provider.js'
import { namedCustomer, verifyTelesign } from '../../../src/providers/telesign/signature.js'
import { type FakeApi, fakeApi, json, type Received } from '../fake-api.js'
import { noon, reply } from '../provider-cases.js'

const key = 'VGVzdCBLZXk='
const body =
  '{"reference_id":"00000000000000000000000000000000","status":{"code":200,"description":"Delivered to handset"}}'
const signature = '4zaDldN8GeHKLWT/j0Z6x1iMxYekILFVmYeyVGVZFco='

const verify = (headers: Record<string, string>, secret = key) =>
  verifyTelesign({ url: 'https://hooks.example.com/x', headers, body }, secret)

describe('Telesign’s signature on a callback', () => {
  it.each([
    ['after the Customer ID', { authorization: `TSA CUST-1:${signature}` }],
    ['alone in its own header', { 'x-ts-authorization': signature }],
    ['in its own header in the long form', { 'x-ts-authorization': `TSA CUST-1:${signature}` }],
    [
      'right in one header and wrong in the other',
      { authorization: 'TSA x:AAAA', 'x-ts-authorization': signature },
    ],
  ])('%s is right', (_name, headers) => {
    const genuine = verify(headers)

    expect(genuine).toBe(true)
  })

  it.each([
    ['no header', {}],
    ['empty headers', { authorization: '', 'x-ts-authorization': '' }],
    ['another scheme', { authorization: `Basic ${signature}` }],
    ['no signature after the Customer ID', { authorization: 'TSA CUST-1:' }],
    ['one character more', { 'x-ts-authorization': `${signature}A` }],
    ['its padding cut off', { 'x-ts-authorization': signature.slice(0, -1) }],
  ])('%s is wrong', (_name, headers) => {
    const genuine = verify(headers)

    expect(genuine).toBe(false)
  })

  it('a key that decodes to nothing makes nothing right', () => {
    const unkeyed = createHmac('sha256', '').update(body).digest('base64')

    const genuine = verify({ 'x-ts-authorization': unkeyed }, '====')

    expect(genuine).toBe(false)
  })

  it('the Customer ID is read from either header', () => {
    const request = (headers: Record<string, string>) => ({ url: '', headers, body })

    const named = [
      namedCustomer(request({ authorization: `TSA CUST-1:${signature}` })),
      namedCustomer(request({ 'x-ts-authorization': `TSA CUST-2:${signature}` })),
      namedCustomer(request({ 'x-ts-authorization': signature })),
    ]

    expect(named).toEqual(['CUST-1', 'CUST-2', null])
  })
})

/** https://developer.telesign.com/enterprise/docs/authentication */
function digest(call: {
  key: string
  method: string
  contentType: string
  date: string
  nonce: string
  body: string
  path: string
}): string {
  const lines = [
    call.method,
    call.contentType,
    call.date,
    'x-ts-auth-method:HMAC-SHA256',
    `x-ts-nonce:${call.nonce}`,
  ]
  const text = [...lines, ...(call.body === '' ? [] : [call.body]), call.path].join('\n')
  return createHmac('sha256', Buffer.from(call.key, 'base64')).update(text).digest('base64')
}

describe('our signature on a request', () => {
  let api: FakeApi | null = null

  afterEach(async () => {
    await api?.close()
    api = null
  })

  const vector = {
    date: 'Wed, 14 Dec 2016 18:20:12 GMT',
    nonce: 'A1592C6F-E384-4CDB-BC42-C3AB970369E9',
    contentType: 'application/x-www-form-urlencoded',
  }

  it.each([
    [
      'a JSON request',
      {
        ...vector,
        key: 'yourApiKey',
        method: 'POST',
        contentType: 'application/json',
        body: '{"key":"value"}',
        path: '/v1/resource',
      },
      'q5n15bclH8MY7OmbZnuVxwb9uivpmafJAlLcFnN/U8A=',
    ],
    [
      'a message',
      {
        ...vector,
        key,
        method: 'POST',
        body: 'phone_number=15550001111&message=Hi+there&message_type=ARN',
        path: '/v1/messaging',
      },
      'Frc8tdJeSktNiv2DARGJguF1np8fZMUs6vXppKeTNI8=',
    ],
    [
      'the question for a status',
      {
        ...vector,
        key,
        method: 'GET',
        contentType: '',
        body: '',
        path: '/v1/messaging/0123456789ABCDEF0123456789ABCDEF',
      },
      'eVYfDV+t7OdqmpK7nbe3QlJja3UtVc58AfnQYsZoOL4=',
    ],
  ])('the rule of these tests gives the known digest of %s', (_name, call, known) => {
    const computed = digest(call)

    expect(computed).toBe(known)
  })

  function expectedAuthorization(request: Received): string {
    const { headers, method, path, body } = request
    const signed = {
      key,
      method,
      contentType: headers['content-type'] ?? '',
      date: headers.date ?? '',
      nonce: String(headers['x-ts-nonce']),
      body,
      path,
    }
    return `TSA CUST-0001:${digest(signed)}`
  }

  it('what leaves for a message carries that digest, a fresh nonce and the time', async () => {
    api = await fakeApi((_, response) => json(response, 200, { reference_id: 'R1', status: { code: 290 } }))
    const telesign = createTelesign(api.url, 1000)
    const credentials = { customerId: 'CUST-0001', apiKey: key }

    await telesign.send(reply({ text: 'Olá ☎ a+b&c=d\r\n' }), credentials, noon)
    await telesign.send(reply(), credentials, noon)
    await telesign.checkCredentials(credentials)

    const seen = api.received
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(seen.map(expectedAuthorization))
    expect(new Set(seen.map(({ headers }) => headers['x-ts-nonce'])).size).toBe(3)
    expect(Math.abs(Date.parse(seen[0]?.headers.date ?? '') - Date.now())).toBeLessThan(60_000)
  })
})
