import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  customer,
  post,
  smsNumber,
  startTown,
  twilioClient,
  twilioCredentials,
  whatsappNumber,
} from './business.js'

let town: Awaited<ReturnType<typeof startTown>>
beforeAll(async () => {
  town = await startTown()
  await post(town.simulator, '/settings', { reports: false })
})
afterAll(() => town.stop())

it('the message list filters by recipient, sender and time, newest first, page by page', async () => {
  const client = twilioClient(town.simulator)
  const since = new Date()
  for (let index = 0; index < 5; index++) {
    await client.messages.create({ from: smsNumber, to: customer, body: `number ${index}` })
  }
  await client.messages.create({ from: smsNumber, to: '+12065550199', body: 'to somebody else' })

  const found = await client.messages.list({
    from: smsNumber,
    to: customer,
    dateSentAfter: since,
    pageSize: 2,
  })
  const later = await client.messages.list({ dateSentAfter: new Date(Date.now() + 60_000) })

  expect(found.map(({ body }) => body)).toEqual(['number 4', 'number 3', 'number 2', 'number 1', 'number 0'])
  expect(later).toEqual([])
})

it('one message is fetched by its id, and an unknown one is 404 with 20404', async () => {
  const client = twilioClient(town.simulator)
  const { sid } = await client.messages.create({ from: smsNumber, to: customer, body: 'Hello' })

  const found = await client.messages(sid).fetch()

  expect(found).toMatchObject({ sid, body: 'Hello', direction: 'outbound-api' })
  await expect(client.messages(`SM${'0'.repeat(32)}`).fetch()).rejects.toMatchObject({
    status: 404,
    code: 20404,
  })
})

it('the account tells its state to the right token only', async () => {
  const { accountSid } = twilioCredentials

  const account = await twilioClient(town.simulator).api.v2010.accounts(accountSid).fetch()

  expect(account).toMatchObject({ sid: accountSid, status: 'active' })
  const wrong = twilioClient(town.simulator, 'wrong').api.v2010.accounts(accountSid)
  await expect(wrong.fetch()).rejects.toMatchObject({ status: 401, code: 20003 })
})

it('numbers, short codes and WhatsApp senders of the account are listed', async () => {
  const client = twilioClient(town.simulator)

  const partly = await client.incomingPhoneNumbers.list({ phoneNumber: '+1425' })
  const other = await client.incomingPhoneNumbers.list({ phoneNumber: '+12125550199' })
  const shortCodes = await client.shortCodes.list({ shortCode: '72345' })
  const senders = await client.messaging.v2.channelsSenders.list({ channel: 'whatsapp' })

  expect(partly).toMatchObject([{ phoneNumber: smsNumber, capabilities: { sms: true } }])
  expect(other).toEqual([])
  expect(shortCodes).toMatchObject([{ shortCode: '72345' }])
  expect(senders).toMatchObject([{ senderId: `whatsapp:${whatsappNumber}`, status: 'ONLINE' }])
})
