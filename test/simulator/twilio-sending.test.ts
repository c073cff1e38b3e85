import twilio from 'twilio'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Business,
  customer,
  post,
  reported,
  smsNumber,
  startTown,
  twilioClient,
  twilioCredentials,
  whatsappNumber,
} from './business.js'

let town: Awaited<ReturnType<typeof startTown>>
beforeEach(async () => {
  town = await startTown()
})
afterEach(() => town.stop())

const toWhatsapp = { from: `whatsapp:${whatsappNumber}`, to: `whatsapp:${customer}` }

function statuses(calls: Business['calls']) {
  return calls.map(({ fields }) => fields['MessageStatus'])
}

it('an SMS is accepted and reported as sent, then delivered, in signed callbacks', async () => {
  const statusCallback = `${town.business.url}/callbacks/twilio/token/status?id=msg_1`

  const message = await twilioClient(town.simulator).messages.create({
    from: smsNumber,
    to: customer,
    body: 'Your parcel is here ☎',
    statusCallback,
  })

  const reports = await reported(town.business, 2)
  expect(message.status).toBe('queued')
  expect(message.sid).toMatch(/^SM[0-9a-f]{32}$/)
  expect(statuses(reports)).toEqual(['sent', 'delivered'])
  for (const { headers, fields, path } of reports) {
    const signature = String(headers['x-twilio-signature'])
    expect(path).toBe('/callbacks/twilio/token/status?id=msg_1')
    expect(fields).toMatchObject({ MessageSid: message.sid, From: smsNumber, To: customer })
    expect(twilio.validateRequest(twilioCredentials.authToken, signature, statusCallback, fields)).toBe(true)
  }
})

it('a WhatsApp reply inside the window is also reported as read', async () => {
  await post(town.simulator, '/text', { from: customer, to: whatsappNumber, text: 'Hi' })

  await twilioClient(town.simulator).messages.create({
    ...toWhatsapp,
    body: 'Hello',
    statusCallback: `${town.business.url}/status`,
  })

  const reports = await reported(town.business, 3)
  expect(statuses(reports)).toEqual(['sent', 'delivered', 'read'])
  expect(reports[0]?.fields).toMatchObject({ ChannelPrefix: 'whatsapp', StructuredMessage: 'false' })
  expect(reports[1]?.fields['StructuredMessage']).toBeUndefined()
})

it('free text to a WhatsApp user who wrote 24 hours ago fails afterwards with 63016', async () => {
  await post(town.simulator, '/text', { from: customer, to: whatsappNumber, text: 'Hi' })
  const lastInboundAt = new Date(Date.now() - 24 * 3_600_000).toISOString()
  await post(town.simulator, '/window', { customer, number: whatsappNumber, lastInboundAt })

  const message = await twilioClient(town.simulator).messages.create({
    ...toWhatsapp,
    body: 'Still there?',
    statusCallback: `${town.business.url}/status`,
  })

  const [report] = await reported(town.business, 1)
  expect(message.status).toBe('queued')
  expect(report?.fields).toMatchObject({ MessageStatus: 'failed', ErrorCode: '63016' })
})

it('an account set to refuse at once gives 63016 in the answer', async () => {
  town.simulator.accounts.add({
    provider: 'twilio',
    credentials: twilioCredentials,
    callbackUrl: town.business.url,
    options: { window: 'sync' },
  })

  const sending = twilioClient(town.simulator).messages.create({ ...toWhatsapp, body: 'Hello' })

  await expect(sending).rejects.toMatchObject({ status: 400, code: 63016 })
})

describe('Twilio refuses', () => {
  const ordinary = { from: smsNumber, to: customer, body: 'Hello' }
  it.each([
    ['the magic sender 15005550001', { ...ordinary, from: '+15005550001' }, 21212],
    ['the magic sender 15005550007', { ...ordinary, from: '+15005550007' }, 21606],
    ['the magic sender 15005550008', { ...ordinary, from: '+15005550008' }, 21611],
    ['the magic recipient 15005550001', { ...ordinary, to: '+15005550001' }, 21211],
    ['the magic recipient 15005550002', { ...ordinary, to: '+15005550002' }, 21612],
    ['the magic recipient 15005550003', { ...ordinary, to: '+15005550003' }, 21408],
    ['the magic recipient 15005550004', { ...ordinary, to: '+15005550004' }, 21610],
    ['the magic recipient 15005550009', { ...ordinary, to: '+15005550009' }, 21614],
    ['a sender of somebody else', { ...ordinary, from: '+12125550199' }, 21606],
    ['a recipient that is no number', { ...ordinary, to: 'someone' }, 21211],
    ['an empty text', { ...ordinary, body: '' }, 21602],
    ['1601 characters', { ...ordinary, body: 'x'.repeat(1601) }, 21617],
    ['two channels in one message', { ...ordinary, to: `whatsapp:${customer}` }, 21910],
    ['an unknown WhatsApp sender', { ...toWhatsapp, from: 'whatsapp:+12125550199', body: 'Hi' }, 63007],
    ['a status URL that is none', { ...ordinary, statusCallback: 'nowhere' }, 21609],
  ])('%s', async (_what, request, code) => {
    const sending = twilioClient(town.simulator).messages.create(request)

    await expect(sending).rejects.toMatchObject({
      status: 400,
      code,
      moreInfo: `https://www.twilio.com/docs/errors/${code}`,
    })
    expect(town.simulator.sent()).toEqual([])
  })
})

it('the magic sender 15005550006 works', async () => {
  const message = await twilioClient(town.simulator).messages.create({
    from: '+15005550006',
    to: customer,
    body: 'x'.repeat(1600),
  })

  expect(message).toMatchObject({ status: 'queued', numSegments: '11' })
})

it('a wrong Auth Token is refused with 20003', async () => {
  const sending = twilioClient(town.simulator, 'wrong').messages.create({
    from: smsNumber,
    to: customer,
    body: 'Hi',
  })

  await expect(sending).rejects.toMatchObject({ status: 401, code: 20003 })
})

it('a suspended account shows its state and may not send', async () => {
  town.simulator.accounts.add({
    provider: 'twilio',
    credentials: twilioCredentials,
    callbackUrl: town.business.url,
    options: { status: 'suspended' },
  })
  const client = twilioClient(town.simulator)

  const account = await client.api.v2010.accounts(twilioCredentials.accountSid).fetch()
  const sending = client.messages.create({ from: smsNumber, to: customer, body: 'Hi' })

  expect(account.status).toBe('suspended')
  await expect(sending).rejects.toMatchObject({ code: 20005 })
})

it('a customer who texts STOP is answered by Twilio and not reached until START', async () => {
  const client = twilioClient(town.simulator)
  const sendOne = () => client.messages.create({ from: smsNumber, to: customer, body: 'Hello' })

  await post(town.simulator, '/text', { from: customer, to: smsNumber, text: ' stop ' })

  await expect(sendOne()).rejects.toMatchObject({ code: 21610 })
  expect(town.business.calls[0]?.fields['Body']).toBe(' stop ')
  await post(town.simulator, '/text', { from: customer, to: smsNumber, text: 'START' })
  await expect(sendOne()).resolves.toMatchObject({ status: 'queued' })
})

it('a sent picture is fetched from the business and kept', async () => {
  town.business.answers.push({ status: 200, contentType: 'image/png', body: 'pixels' })

  const message = await twilioClient(town.simulator).messages.create({
    from: smsNumber,
    to: customer,
    mediaUrl: [`${town.business.url}/picture`],
    statusCallback: `${town.business.url}/status`,
  })

  await reported(town.business, 2)
  expect(message.sid).toMatch(/^MM/)
  expect(town.simulator.sent()[0]?.media[0]).toMatchObject({ contentType: 'image/png' })
})

it('a sent picture that cannot be fetched fails the message', async () => {
  town.business.answers.push({ status: 404 })

  await twilioClient(town.simulator).messages.create({
    from: smsNumber,
    to: customer,
    mediaUrl: [`${town.business.url}/picture`],
    statusCallback: `${town.business.url}/status`,
  })

  const [report] = await reported(town.business, 1)
  expect(report?.fields).toMatchObject({ MessageStatus: 'failed', ErrorCode: '11200' })
})
