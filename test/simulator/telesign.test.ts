import { createHmac } from 'node:crypto'
import TeleSign from 'telesignsdk'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { customer, post, type ReceivedCall, reported, startTown, telesignCredentials } from './business.js'

const ourNumber = '14252306550'
let town: Awaited<ReturnType<typeof startTown>>
beforeEach(async () => {
  town = await startTown()
})
afterEach(() => town.stop())

interface Answer {
  reference_id: string
  external_id: string | null
  status: { code: number; description: string }
  signature_string?: string
}

function call(
  method: 'GET' | 'POST',
  path: string,
  fields: Record<string, string> | null,
  credentials = telesignCredentials,
): Promise<Answer> {
  const { customerId, apiKey } = credentials
  const client = new TeleSign(customerId, apiKey, town.simulator.telesignApiUrl, 5000)
  return new Promise((resolve, reject) => {
    client.sms.execute(
      (error, body) => (error ? reject(error) : resolve(body as Answer)),
      method,
      path,
      fields,
    )
  })
}

function sendOne(fields: Record<string, string> = {}) {
  return call('POST', '/v1/messaging', {
    phone_number: '12065550100',
    message: 'Your parcel is here',
    message_type: 'ARN',
    sender_id: ourNumber,
    external_id: 'msg_1',
    callback_url: `${town.business.url}/callbacks/telesign/token`,
    ...fields,
  })
}

function signatureOf(body: string): string {
  return createHmac('sha256', Buffer.from(telesignCredentials.apiKey, 'base64')).update(body).digest('base64')
}

function codes(calls: ReceivedCall[]): number[] {
  return calls.map(({ body }) => JSON.parse(body).status.code)
}

it('an SMS is accepted with 290 and reported at the gateway, then delivered, in signed reports', async () => {
  const answer = await sendOne()

  const reports = await reported(town.business, 2)
  expect(answer).toMatchObject({ external_id: 'msg_1', status: { code: 290 } })
  expect(codes(reports)).toEqual([203, 200])
  for (const { headers, body } of reports) {
    expect(JSON.parse(body)).toMatchObject({ reference_id: answer.reference_id, external_id: 'msg_1' })
    expect(headers['authorization']).toBe(`TSA ${telesignCredentials.customerId}:${signatureOf(body)}`)
    expect(headers['x-ts-authorization']).toBe(signatureOf(body))
  }
  expect((await call('GET', `/v1/messaging/${answer.reference_id}`, null)).status.code).toBe(200)
})

it.each([
  ['a recipient that is no number', { phone_number: 'abc' }, 11000],
  ['an empty text', { message: '' }, 11009],
  ['1601 characters', { message: 'x'.repeat(1601) }, 11009],
  ['an unknown type', { message_type: 'XYZ' }, 11010],
  ['a sender of somebody else', { sender_id: '12125550199' }, 11013],
])('Telesign refuses %s', async (_what, fields, code) => {
  const answer = await sendOne(fields)

  expect(answer.status.code).toBe(code)
  expect(town.simulator.sent()).toEqual([])
})

it('credentials are told apart: unknown customer, wrong key, right ones', async () => {
  const path = `/v1/messaging/${'0'.repeat(32)}`

  const unknown = await call('GET', path, null, { ...telesignCredentials, customerId: 'nobody' })
  const wrongKey = await call('GET', path, null, { ...telesignCredentials, apiKey: 'd3Jvbmc=' })
  const right = await call('GET', path, null)

  expect(unknown.status.code).toBe(10015)
  expect(wrongKey.status.code).toBe(10008)
  expect(wrongKey.signature_string).toContain('x-ts-nonce:')
  expect(right.status.code).toBe(10017)
})

it('Basic credentials are taken, and a wrong key there is 10022', async () => {
  const get = (key: string) =>
    fetch(`${town.simulator.telesignApiUrl}/v1/messaging/${'0'.repeat(32)}`, {
      headers: {
        authorization: `Basic ${Buffer.from(`${telesignCredentials.customerId}:${key}`).toString('base64')}`,
      },
    })

  const right = await get(telesignCredentials.apiKey)
  const wrong = await get('wrong')

  expect(right.status).toBe(404)
  expect(wrong.status).toBe(401)
  expect(await wrong.json()).toMatchObject({ status: { code: 10022 } })
})

it('a customer text is posted as JSON, signed over the raw body', async () => {
  await post(town.simulator, '/text', { from: customer, to: `+${ourNumber}`, text: 'Olá 😀' })

  const [received] = town.business.calls
  const body = received?.body ?? ''
  expect(received?.headers['authorization']).toBe(
    `TSA ${telesignCredentials.customerId}:${signatureOf(body)}`,
  )
  expect(JSON.parse(body)).toMatchObject({
    sub_resource: 'mo_sms',
    status: { code: 1500 },
    errors: [],
    user_response: { phone_number: '12065550100', sender_id: ourNumber, mo_message: 'Olá 😀' },
  })
})

it('any answer but 200 is repeated, up to four calls', async () => {
  town.business.answers.push({ status: 204 }, { status: 500 }, { status: 403 }, { status: 500 })

  const answer = await post(town.simulator, '/text', { from: customer, to: ourNumber, text: 'Hello' })

  expect(answer).toMatchObject({ status: 502, body: { callback: { status: 500, attempts: 4 } } })
})

it('where Telesign keeps the opt-out list, a send after STOP ends with 510', async () => {
  town.simulator.accounts.add({
    provider: 'telesign',
    credentials: telesignCredentials,
    callbackUrl: `${town.business.url}/callbacks/telesign/token`,
    options: { optOut: 'async' },
  })
  await post(town.simulator, '/text', { from: customer, to: ourNumber, text: 'STOP' })

  const answer = await sendOne()

  const reports = await reported(town.business, 1)
  expect(JSON.parse(town.business.calls[0]?.body ?? '').user_response.action).toBe('stop')
  expect(answer.status.code).toBe(290)
  expect(codes(reports)).toEqual([510])
})

it('Telesign carries no files', async () => {
  const media = [{ contentType: 'image/png', base64: 'AAAA' }]

  const answer = await post(town.simulator, '/text', { from: customer, to: ourNumber, media })

  expect(answer).toMatchObject({ status: 400, body: { error: expect.stringContaining('text only') } })
})
