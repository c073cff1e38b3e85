import twilio from 'twilio'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  customer,
  get,
  post,
  type ReceivedCall,
  smsNumber,
  startTown,
  twilioCredentials,
  whatsappNumber,
} from './business.js'

let town: Awaited<ReturnType<typeof startTown>>
beforeEach(async () => {
  town = await startTown()
})
afterEach(() => town.stop())

function isSigned({ headers, fields }: ReceivedCall, token = twilioCredentials.authToken): boolean {
  const signature = String(headers['x-twilio-signature'])
  return twilio.validateRequest(token, signature, `${town.business.url}/callbacks/twilio/token`, fields)
}

it('one curl line texts the business, signed, and shows its answer', async () => {
  const answer = await fetch(`${town.simulator.url}/text`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `from=${customer}&to=${smsNumber}&text=Hello`,
  })

  const [call] = town.business.calls
  const result = (await answer.json()) as { messageId: string }
  expect(result).toMatchObject({ provider: 'twilio', channel: 'sms', callback: { status: 200, attempts: 1 } })
  expect(Object.keys(call?.fields ?? {})).toEqual(
    'ToCountry ToState SmsMessageSid NumMedia ToCity FromZip SmsSid FromState SmsStatus FromCity Body FromCountry To ToZip NumSegments MessageSid AccountSid From ApiVersion'.split(
      ' ',
    ),
  )
  expect(call?.fields).toMatchObject({
    From: customer,
    To: smsNumber,
    Body: 'Hello',
    MessageSid: result.messageId,
  })
  expect(call && isSigned(call)).toBe(true)
})

it('a text with line breaks, emoji and a NUL character arrives as written and signed', async () => {
  const text = 'Olá ☎ 😀 a+b&c=d\r\nline 2 \u0000'

  await post(town.simulator, '/text', { from: '72345', to: smsNumber, text })

  const [call] = town.business.calls
  expect(call?.fields).toMatchObject({ From: '72345', Body: text })
  expect(call && isSigned(call)).toBe(true)
})

it('a WhatsApp text has the seventeen fields of a real one', async () => {
  await post(town.simulator, '/text', { from: customer, to: whatsappNumber, text: 'Hi', profileName: 'Zoë' })

  const [call] = town.business.calls
  expect(Object.keys(call?.fields ?? {})).toEqual(
    'ExternalUserId SmsMessageSid NumMedia ProfileName MessageType SmsSid WaId SmsStatus Body To NumSegments ReferralNumMedia MessageSid AccountSid ChannelMetadata From ApiVersion'.split(
      ' ',
    ),
  )
  expect(call?.fields).toMatchObject({
    From: `whatsapp:${customer}`,
    WaId: '12065550100',
    ProfileName: 'Zoë',
  })
  expect(call && isSigned(call)).toBe(true)
})

it.each([
  [
    'a location',
    { location: { latitude: 47.6, longitude: -122.3 } },
    { Latitude: '47.6', Body: '', NumMedia: '0' },
  ],
  [
    'a document, whose text is its file name',
    { media: [{ contentType: 'application/pdf', text: '%PDF', fileName: 'invoice.pdf' }] },
    { MessageType: 'document', Body: 'invoice.pdf', MediaContentType0: 'application/pdf' },
  ],
  [
    'a contact card',
    { media: { contentType: 'text/vcard', text: 'BEGIN:VCARD' } },
    { MessageType: 'contacts', Body: '' },
  ],
  ['a button', { text: 'Yes', buttonPayload: 'yes-1' }, { ButtonText: 'Yes', ButtonPayload: 'yes-1' }],
  [
    'an answer to a message',
    { text: 'That one', replyToMessageSid: 'SM1' },
    { OriginalRepliedMessageSid: 'SM1', OriginalRepliedMessageSender: `whatsapp:${whatsappNumber}` },
  ],
  ['unknown fields', { text: 'Hi', raw: { NewField: 'x' } }, { NewField: 'x' }],
])('WhatsApp brings %s', async (_what, extra, fields) => {
  await post(town.simulator, '/text', { from: customer, to: whatsappNumber, ...extra })

  const [call] = town.business.calls
  expect(call?.fields).toMatchObject(fields)
  expect(call && isSigned(call)).toBe(true)
})

it('a WhatsApp user who hides the number comes with the business-scoped id', async () => {
  await post(town.simulator, '/text', { from: 'US.1349120865530274', to: whatsappNumber, text: 'Hi' })

  const [call] = town.business.calls
  expect(call?.fields['From']).toBe('whatsapp:US.1349120865530274')
  expect(call?.fields['WaId']).toBeUndefined()
})

it('a picture is had with the credentials, by way of a CDN that must not get them', async () => {
  const media = [{ contentType: 'image/png', base64: Buffer.from('pixels').toString('base64') }]
  await post(town.simulator, '/text', { from: customer, to: smsNumber, media })
  const url = town.business.calls[0]?.fields['MediaUrl0'] ?? ''
  const { accountSid, authToken } = twilioCredentials
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`

  const without = await fetch(url, { redirect: 'manual' })
  const redirect = await fetch(url, { redirect: 'manual', headers: { authorization } })
  const file = await fetch(String(redirect.headers.get('location')))

  expect(without.status).toBe(401)
  expect(redirect.status).toBe(307)
  expect(await file.text()).toBe('pixels')
  expect(await get(town.simulator, '/problems')).toEqual({ data: [] })
  await fetch(String(redirect.headers.get('location')), { headers: { authorization } })
  expect((await get(town.simulator, '/problems')).data).toMatchObject([{ problem: 'credentials_leaked' }])
})

it('a failed call is repeated as the URL asks, with the same content', async () => {
  town.business.answers.push({ status: 500 }, { status: 503 })

  const answer = await post(town.simulator, '/text', { from: customer, to: smsNumber, text: 'Hello' })

  const bodies = new Set(town.business.calls.map(({ body }) => body))
  expect(answer.body.callback).toMatchObject({ status: 200, attempts: 3 })
  expect(bodies.size).toBe(1)
})

it('without a wish in the URL an HTTP error is not repeated', async () => {
  town.simulator.accounts.add({
    provider: 'twilio',
    credentials: twilioCredentials,
    callbackUrl: `${town.business.url}/plain`,
    numbers: [{ number: smsNumber }],
  })
  town.business.answers.push({ status: 500 })

  const answer = await post(town.simulator, '/text', { from: customer, to: smsNumber, text: 'Hello' })

  expect(answer).toMatchObject({ status: 502, body: { callback: { status: 500, attempts: 1 } } })
})

it('a forged message carries a wrong signature, or none', async () => {
  await post(town.simulator, '/forge', { from: customer, to: smsNumber, text: 'Hello' })
  await post(town.simulator, '/forge', {
    from: customer,
    to: smsNumber,
    text: 'Hello',
    secret: 'older-token',
  })
  await post(town.simulator, '/forge', { from: customer, to: smsNumber, text: 'Hello', unsigned: true })

  const [wrong, older, unsigned] = town.business.calls
  expect(wrong && isSigned(wrong)).toBe(false)
  expect(older && isSigned(older, 'older-token')).toBe(true)
  expect(unsigned?.headers['x-twilio-signature']).toBeUndefined()
})

it('an earlier callback is repeated as it was, several times at once', async () => {
  const { body } = await post(town.simulator, '/text', { from: customer, to: smsNumber, text: 'Hello' })

  const answer = await post(town.simulator, '/replay', {
    messageId: body.messageId,
    times: 4,
    parallel: true,
  })

  expect(answer.body.outcomes).toHaveLength(4)
  expect(town.business.calls).toHaveLength(5)
  expect(new Set(town.business.calls.map((call) => call.body)).size).toBe(1)
})

it('an answer in plain text reaches the customer as a reply, as at Twilio', async () => {
  town.business.answers.push({ status: 200, contentType: 'text/plain', body: 'OK' })

  await post(town.simulator, '/text', { from: customer, to: smsNumber, text: 'Hello' })

  const thread = await get(town.simulator, `/phones/${encodeURIComponent(customer)}/messages`)
  expect(thread.data).toMatchObject([{ text: 'Hello' }, { text: 'OK', automatic: true }])
  expect((await get(town.simulator, '/problems')).data).toMatchObject([{ problem: 'text_answer' }])
})

it.each([
  [
    'an unknown business number',
    { from: customer, to: '+12125550199', text: 'Hi' },
    /no account has the number/,
  ],
  ['a misspelt field', { from: customer, to: smsNumber, txt: 'Hi' }, /txt/],
  ['a missing sender', { to: smsNumber, text: 'Hi' }, /from/],
])('a person is told about %s', async (_what, request, error) => {
  const answer = await post(town.simulator, '/text', request)

  expect(answer.status).toBe(400)
  expect(answer.body.error).toMatch(error)
})

it("broken JSON is refused as the caller's mistake, also where curl calls it a form", async () => {
  const answers = await Promise.all(
    ['application/json', 'application/x-www-form-urlencoded'].map((type) =>
      fetch(`${town.simulator.url}/text`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: '{bad',
      }),
    ),
  )

  expect(answers.map(({ status }) => status)).toEqual([400, 400])
})
