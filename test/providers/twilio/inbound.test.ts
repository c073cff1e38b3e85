import { describe, expect, it } from 'vitest'
import type { InboundMessage } from '../../../src/providers/provider.js'
import { windowClosedSentence } from '../../../src/providers/provider-error.js'
import { identifyTwilio, parseTwilio } from '../../../src/providers/twilio/inbound.js'
import { twilioAccount, twilioRequest } from '../provider-cases.js'

const sid = 'SM00000000000000000000000000000001'

const sms = {
  ToCountry: 'US',
  SmsMessageSid: sid,
  NumMedia: '0',
  FromCity: 'SEATTLE',
  SmsSid: sid,
  SmsStatus: 'received',
  Body: 'Hello',
  To: '+15550002222',
  NumSegments: '1',
  MessageSid: sid,
  AccountSid: twilioAccount,
  From: '+15550001111',
  ApiVersion: '2010-04-01',
}

const whatsapp = {
  SmsMessageSid: sid,
  NumMedia: '0',
  ProfileName: 'Zoë 😀',
  MessageType: 'text',
  SmsSid: sid,
  WaId: '15550001111',
  SmsStatus: 'received',
  Body: 'Hello',
  To: 'whatsapp:+14155238886',
  NumSegments: '1',
  ReferralNumMedia: '0',
  MessageSid: sid,
  AccountSid: twilioAccount,
  From: 'whatsapp:+15550001111',
  ApiVersion: '2010-04-01',
}

const mediaUrl = 'https://api.twilio.com/2010-04-01/Accounts/AC0/Messages/MM0/Media/ME0'

const media = (contentType: string, more: Record<string, string> = {}) => ({
  ...whatsapp,
  NumMedia: '1',
  Body: '',
  MediaContentType0: contentType,
  MediaUrl0: mediaUrl,
  ...more,
})

const plain: InboundMessage = {
  type: 'message',
  providerMessageId: sid,
  channel: 'whatsapp',
  from: '+15550001111',
  to: '+14155238886',
  aliases: [],
  text: 'Hello',
  media: [],
  location: null,
  profileName: 'Zoë 😀',
  replyTo: null,
  consent: null,
  details: expect.any(Object) as Record<string, string>,
}

describe('a message from Twilio', () => {
  it('an SMS keeps what has no place of its own', () => {
    const event = parseTwilio(twilioRequest(sms))

    expect(event).toEqual({
      ...plain,
      channel: 'sms',
      to: '+15550002222',
      profileName: null,
      details: { ToCountry: 'US', FromCity: 'SEATTLE', NumSegments: '1', AccountSid: twilioAccount },
    })
  })

  const kinds: [string, Record<string, string | undefined>, Partial<InboundMessage>][] = [
    ['a WhatsApp text', whatsapp, {}],
    ['a text without the field Body', { ...whatsapp, Body: undefined }, { text: '' }],
    [
      'an image without a caption',
      media('image/jpeg', { MessageType: 'image' }),
      { text: '', media: [{ url: mediaUrl, contentType: 'image/jpeg', fileName: null }] },
    ],
    [
      'an image with a caption that looks like a file name',
      media('image/jpeg', { MessageType: 'image', Body: 'look at readme.txt' }),
      {
        text: 'look at readme.txt',
        media: [{ url: mediaUrl, contentType: 'image/jpeg', fileName: null }],
      },
    ],
    [
      'a voice message',
      media('audio/ogg', { MessageType: 'audio' }),
      { text: '', media: [{ url: mediaUrl, contentType: 'audio/ogg', fileName: null }] },
    ],
    [
      'a contact card',
      media('text/vcard', { MessageType: 'contacts' }),
      { text: '', media: [{ url: mediaUrl, contentType: 'text/vcard', fileName: null }] },
    ],
    [
      'a document, whose text is its file name',
      media('application/pdf', { MessageType: 'document', Body: 'Bill March.pdf', Forwarded: 'true' }),
      {
        text: 'Bill March.pdf',
        media: [{ url: mediaUrl, contentType: 'application/pdf', fileName: 'Bill March.pdf' }],
      },
    ],
    [
      'an image sent as a file',
      media('image/png', { MessageType: 'document', Body: 'scan.png' }),
      { text: 'scan.png', media: [{ url: mediaUrl, contentType: 'image/png', fileName: 'scan.png' }] },
    ],
    [
      'a document with a caption',
      media('application/pdf', { MessageType: 'document', Body: 'Here is the bill. Thanks!' }),
      {
        text: 'Here is the bill. Thanks!',
        media: [{ url: mediaUrl, contentType: 'application/pdf', fileName: null }],
      },
    ],
    [
      'several files, one without a type, whatever NumMedia says',
      { ...media('image/jpeg'), NumMedia: '9999999', MediaUrl1: `${mediaUrl}1` },
      {
        text: '',
        media: [
          { url: mediaUrl, contentType: 'image/jpeg', fileName: null },
          { url: `${mediaUrl}1`, contentType: 'application/octet-stream', fileName: null },
        ],
      },
    ],
    [
      'a place',
      { ...whatsapp, Body: '', MessageType: 'location', Latitude: '47.6', Longitude: '-122.3' },
      { text: '', location: { latitude: 47.6, longitude: -122.3, address: null, label: null } },
    ],
    [
      'a place with address and name',
      { ...whatsapp, Body: '', Latitude: '0', Longitude: '0', Address: '1 Main St', Label: 'Cafe' },
      { text: '', location: { latitude: 0, longitude: 0, address: '1 Main St', label: 'Cafe' } },
    ],
    ['a place that is none', { ...whatsapp, Latitude: 'north', Longitude: '999' }, { location: null }],
    [
      'an answer to a message of ours',
      {
        ...whatsapp,
        OriginalRepliedMessageSid: 'SM2',
        OriginalRepliedMessageSender: 'whatsapp:+14155238886',
      },
      { replyTo: 'SM2' },
    ],
    [
      'a button',
      { ...whatsapp, Body: 'Stop', ButtonText: 'Stop', ButtonPayload: 'pay-1', ButtonType: 'REPLY' },
      { text: 'Stop', consent: 'stop' },
    ],
    [
      'a customer who hides their number',
      { ...whatsapp, From: 'whatsapp:US.abc123', WaId: undefined, ExternalUserId: 'whatsapp:US.abc123' },
      { from: 'US.abc123' },
    ],
    [
      'a number and the id behind it',
      { ...whatsapp, ExternalUserId: 'whatsapp:US.abc123', ParentExternalUserId: 'whatsapp:US.ENT.xyz' },
      { aliases: ['US.abc123', 'US.ENT.xyz'] },
    ],
    ['a sender without the prefix', { ...whatsapp, From: '+15550001111' }, {}],
    ['NUL in every field', { ...whatsapp, Body: 'a\0b', ProfileName: 'Z\0oë 😀' }, { text: 'ab' }],
  ]

  it.each(kinds)('%s is read', (_name, fields, expected) => {
    const event = parseTwilio(twilioRequest(fields))

    expect(event).toEqual({ ...plain, ...expected })
  })

  it.each([
    ['12345', '12345'],
    ['CONTOSO', 'CONTOSO'],
  ])('an SMS from %s keeps that sender', (from, stored) => {
    const event = parseTwilio(twilioRequest({ ...sms, From: from }))

    expect(event).toMatchObject({ channel: 'sms', from: stored })
  })

  it.each([
    ['STOP', 'stop'],
    ['START', 'start'],
    ['HELP', 'help'],
  ])('what Twilio itself took for %s counts, whatever the text', (type, consent) => {
    const event = parseTwilio(twilioRequest({ ...sms, Body: 'Basta', OptOutType: type }))

    expect(event).toMatchObject({ text: 'Basta', consent })
  })

  it('buttons, forwards, advertisements, services and unknown fields stay in the details', () => {
    const more = {
      ButtonPayload: 'pay-1',
      Forwarded: 'true',
      ReferralHeadline: 'Sale',
      MessagingServiceSid: 'MG1',
      SomethingNew: 'x',
      __proto__x: 'y',
    }

    const event = parseTwilio(twilioRequest({ ...whatsapp, ...more, AccountSid: 'ACsub' }))

    expect(event).toMatchObject({ details: { ...more, AccountSid: 'ACsub' } })
  })

  it('a field that is called __proto__ is a field', () => {
    const request = {
      url: 'https://h.example/x',
      headers: {},
      body: `MessageSid=1&From=1234&To=1234&__proto__=x`,
    }

    const event = parseTwilio(request)

    expect(event.type === 'message' && Object.entries(event.details)).toEqual([['__proto__', 'x']])
  })

  it('another channel is kept as unsupported', () => {
    const event = parseTwilio(twilioRequest({ ...sms, From: 'messenger:123' }))

    expect(event).toMatchObject({ type: 'ignored', reason: 'unsupported_content' })
  })

  it.each(['From', 'To', 'MessageSid'])('a message without %s makes no sense', (missing) => {
    const alone = { ...sms, SmsSid: undefined, SmsMessageSid: undefined }

    const event = parseTwilio(twilioRequest({ ...alone, [missing]: undefined }))

    expect(event).toMatchObject({ type: 'ignored', reason: 'unintelligible' })
  })
})

const report = {
  SmsSid: sid,
  SmsStatus: 'sent',
  MessageStatus: 'sent',
  To: '+15550001111',
  MessageSid: sid,
  AccountSid: twilioAccount,
  From: '+15550002222',
  ApiVersion: '2010-04-01',
}

const ours = '0198c5f2-7a00-7000-8000-000000000001'

describe('a status from Twilio', () => {
  it.each([
    ['accepted', 'queued'],
    ['scheduled', 'queued'],
    ['queued', 'queued'],
    ['sending', 'sending'],
    ['sent', 'sent'],
    ['delivered', 'delivered'],
    ['read', 'read'],
    ['undelivered', 'undelivered'],
    ['failed', 'failed'],
    ['canceled', 'failed'],
  ])('%s is our %s', (theirs, status) => {
    const event = parseTwilio(twilioRequest({ ...report, MessageStatus: theirs, SmsStatus: theirs }))

    expect(event).toMatchObject({ type: 'status', providerMessageId: sid, messageId: ours, status })
  })

  it.each([
    ['the URL has no query', 'https://h.example/status'],
    ['it is no id of ours', 'https://h.example/status?message=SM1'],
  ])('our message is not named where %s', (_name, url) => {
    const event = parseTwilio(twilioRequest(report, url))

    expect(event).toMatchObject({ type: 'status', messageId: null })
  })

  it.each([
    [
      '30003',
      { optedOut: false, windowClosed: false, message: expect.stringContaining('cannot be reached') },
    ],
    ['21610', { optedOut: true, windowClosed: false, message: expect.stringContaining('opted out') }],
    ['63033', { optedOut: true, windowClosed: false, message: expect.stringContaining('blocked') }],
    ['63016', { optedOut: false, windowClosed: true, message: windowClosedSentence }],
    ['39999', { optedOut: false, windowClosed: false, message: expect.stringContaining('errors/39999') }],
    [
      'constructor',
      { optedOut: false, windowClosed: false, message: expect.stringContaining('constructor') },
    ],
  ])('a failure with the code %s says why', (code, error) => {
    const event = parseTwilio(twilioRequest({ ...report, MessageStatus: 'failed', ErrorCode: code }))

    expect(event).toMatchObject({ status: 'failed', error: { providerCode: code, ...error } })
  })

  it('a failure without a code has Twilio’s own words', () => {
    const fields = { ...report, MessageStatus: 'undelivered', ChannelStatusMessage: 'Number unknown' }

    const event = parseTwilio(twilioRequest(fields))

    expect(event).toMatchObject({
      error: { providerCode: null, message: expect.stringContaining('Number unknown') },
    })
  })

  it('the same failure with another code is another report', () => {
    const keyOf = (code: string) =>
      identifyTwilio(twilioRequest({ ...report, MessageStatus: 'failed', ErrorCode: code }), twilioAccount)
        .key

    const keys = [keyOf('30003'), keyOf('30005'), keyOf('30003')]

    expect(keys).toEqual([`${sid}:failed:30003`, `${sid}:failed:30005`, `${sid}:failed:30003`])
  })

  it('an old report with SmsStatus alone is one, and a received message is none', () => {
    const kindOf = (fields: Record<string, string | undefined>) =>
      identifyTwilio(twilioRequest(fields), twilioAccount).kind

    const kinds = [
      kindOf({ ...report, MessageStatus: undefined }),
      kindOf(sms),
      kindOf({ ...sms, SmsStatus: '' }),
    ]

    expect(kinds).toEqual(['status', 'message', 'message'])
  })

  it('reports of one message share a lane', () => {
    const laneOf = (status: string) =>
      identifyTwilio(twilioRequest({ ...report, MessageStatus: status }), twilioAccount).lane

    const lanes = [laneOf('sent'), laneOf('delivered')]

    expect(lanes).toEqual([sid, sid])
  })
})
