import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type ChannelKind,
  done,
  newCustomer,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

async function desk(kind: ChannelKind): Promise<{ org: TestOrganization; number: TestNumber }> {
  const org = await TestOrganization.create(service)
  return { org, number: await org.addNumber(kind) }
}

/** The only message of a new customer, and its conversation. */
async function received(
  kind: ChannelKind,
  text: string,
  more: Record<string, unknown> = {},
  from = newCustomer(),
) {
  const { org, number } = await desk(kind)
  const answer = await org.customerTexts(from, number, text, more)
  const address = from.replace('whatsapp:', '')
  const conversation = await org.conversationOf(address)
  const messages = await org.messages(conversation.id)
  return { org, number, answer, conversation, messages, message: messages[0] }
}

const kinds: ChannelKind[] = ['twilio sms', 'twilio whatsapp', 'telesign sms']

describe.each(kinds)('a text over %s', (kind) => {
  it('is kept as it came, with emoji, line breaks and blanks', async () => {
    const text = ' Zażółć 👩‍👩‍👧‍👦\r\n<b>&amp;</b> \u200f "quoted" '

    const { message, conversation, number } = await received(kind, text)

    expect(message).toMatchObject({
      text,
      direction: 'inbound',
      kind: 'text',
      status: 'received',
      author: { type: 'customer' },
      media: [],
      location: null,
      error: null,
    })
    expect(conversation).toMatchObject({
      businessNumber: number.number,
      unreadCount: 1,
      provider: kind.split(' ')[0],
      channel: kind.split(' ')[1],
      lastInboundAt: message.createdAt,
      lastMessageAt: message.createdAt,
    })
    expect(conversation.replyWindow === null).toBe(kind !== 'twilio whatsapp')
  })

  it('loses its NUL characters and nothing else', async () => {
    const { message } = await received(kind, 'a\u0000b\u0000')

    expect(message.text).toBe('ab')
  })

  it('may be empty', async () => {
    const { message } = await received(kind, '')

    expect(message).toMatchObject({ text: '', media: [], status: 'received' })
  })

  it('is kept whole where it is longer than what may be sent', async () => {
    const text = '🦜 parley '.repeat(400)

    const { message } = await received(kind, text)

    expect(message.text).toBe(text)
  })

  it('that the provider posts five times, one after the other and at once, is one message', async () => {
    const { org, answer, conversation } = await received(kind, 'Once')

    const { outcomes: inTurn } = await tellProvider(service, 'replay', {
      messageId: answer.messageId,
      times: 5,
    })
    const { outcomes: atOnce } = await tellProvider(service, 'replay', {
      messageId: answer.messageId,
      times: 5,
      parallel: true,
    })
    const marker = newCustomer()
    await org.customerTexts(marker, { number: conversation.businessNumber } as TestNumber, 'Marker')
    await org.conversationOf(marker)

    for (const outcome of [...inTurn, ...atOnce]) {
      expect(outcome).toMatchObject({ status: 200, body: answer.callback.body, attempts: 1 })
    }
    expect((await org.messages(conversation.id)).map(({ text }) => text)).toEqual(['Once'])
    expect((await org.conversation(conversation.id)).unreadCount).toBe(1)
    const all = (await done(org.admin.get('/v1/conversations'), 200)).body.data
    expect(all).toHaveLength(2)
  })
})

describe('what WhatsApp customers send', () => {
  it('a location without any text', async () => {
    const { message } = await received('twilio whatsapp', '', {
      location: { latitude: 47.6097, longitude: -122.3331, label: 'Pike Place' },
    })

    expect(message).toMatchObject({
      text: '',
      location: { latitude: 47.6097, longitude: -122.3331, address: null, label: 'Pike Place' },
    })
  })

  it('a contact card', async () => {
    const { message } = await received('twilio whatsapp', '', {
      media: [{ contentType: 'text/vcard', text: 'BEGIN:VCARD\nFN:Casey\nEND:VCARD' }],
    })

    expect(message.text).toBe('')
    expect(message.media).toMatchObject([{ contentType: 'text/vcard' }])
  })

  it('a document, whose text is its file name', async () => {
    const { org, message } = await received('twilio whatsapp', '', {
      text: undefined,
      media: [{ contentType: 'application/pdf', text: '%PDF-1.4', fileName: 'Invoice 7.pdf' }],
    })

    const stored = await org.message(
      message.conversationId,
      message.id,
      ({ media }) => media[0].status === 'stored',
    )
    expect(stored).toMatchObject({
      text: 'Invoice 7.pdf',
      media: [{ contentType: 'application/pdf', fileName: 'Invoice 7.pdf', bytes: 8 }],
    })
  })

  it('a button', async () => {
    const { message } = await received('twilio whatsapp', 'Yes, please', { buttonPayload: 'confirm-7' })

    expect(message.text).toBe('Yes, please')
    expect(message.details).toMatchObject({ ButtonText: 'Yes, please', ButtonPayload: 'confirm-7' })
  })

  it('an answer to a message of ours, which it points to', async () => {
    const { org, number } = await desk('twilio whatsapp')
    const agent = await org.addAgent()
    const { id, customerAddress } = await org.acceptedConversation(agent, number)
    const ours = (
      await done(org.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'Blue or red?' }), 202)
    ).body
    const { providerMessageId } = await org.message(id, ours.id, ({ status }) => status === 'read')

    await org.customerTexts(customerAddress, number, 'Red', { replyToMessageSid: providerMessageId })
    await org.customerTexts(customerAddress, number, 'Hm', { replyToMessageSid: `SM${'0'.repeat(32)}` })

    await org.conversation(id, ({ unreadCount }) => unreadCount === 3)
    const answers = (await org.messages(id)).slice(-2)
    expect(answers).toMatchObject([
      { text: 'Red', replyToMessageId: ours.id },
      { text: 'Hm', replyToMessageId: null },
    ])
  })

  it('with a hidden number: the business-scoped id is the address, and is answered', async () => {
    const customer = `US.${'1349120865530274191'}`
    const { org, number, conversation } = await received(
      'twilio whatsapp',
      'Hello',
      {},
      `whatsapp:${customer}`,
    )
    const agent = await org.addAgent()
    await org.conversation(conversation.id, ({ status }) => status === 'active')
    await done(org.as(agent).post(`/v1/conversations/${conversation.id}/accept`), 200)

    await done(org.as(agent).post(`/v1/conversations/${conversation.id}/messages`, { text: 'Hi' }), 202)

    expect(conversation.customerAddress).toBe(customer)
    const sent = await eventually(
      async () => service.simulator.sent().filter((message) => message.number === number.number),
      (messages) => messages.length > 0,
    )
    expect(sent).toMatchObject([{ customer, text: 'Hi' }])
  })

  it('with a profile name, which is shown as the author', async () => {
    const { message } = await received('twilio whatsapp', 'Hello', { profileName: 'Casey ✨' })

    expect(message.author).toMatchObject({ type: 'customer', name: 'Casey ✨' })
  })

  it('fields that nobody knows yet are kept', async () => {
    const { message } = await received('twilio whatsapp', 'Hello', {
      raw: { BrandNew: 'field', Forwarded: 'true' },
    })

    expect(message.details).toMatchObject({ BrandNew: 'field', Forwarded: 'true' })
  })
})

describe('senders that are no phone', () => {
  it.each([
    ['a short code', '24273'],
    ['an alphanumeric sender', 'MyBank'],
  ])('%s has a conversation of its own', async (_, from) => {
    const { conversation, message } = await received('twilio sms', 'Your code is 123', {}, from)

    expect(conversation).toMatchObject({ customerAddress: from, contact: null })
    expect(message.text).toBe('Your code is 123')
  })
})
