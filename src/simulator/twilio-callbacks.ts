import { createHash, createHmac, randomUUID } from 'node:crypto'
import { isBusinessScopedId, twilioAddress } from './addresses.js'
import type { RetryPolicy } from './callback-sender.js'
import type { PostResult } from './http-post.js'
import type { Account, SentCallback, Settings, SimulatedMessage } from './state.js'

export type Params = Record<string, string>

/** What an inbound message may have beyond its text. */
export interface InboundExtras {
  profileName: string
  buttonPayload: string | null
  replyToMessageSid: string | null
  media: { url: string; contentType: string }[]
  optOutType: string | null
  /** Added or overwritten as given; null leaves a field out. */
  raw: Record<string, string | null>
}

/**
 * X-Twilio-Signature over the URL (without fragment and credentials) and the parameters sorted by name.
 * https://www.twilio.com/docs/usage/security
 */
function twilioSignature(authToken: string, url: string, params: Params): string {
  const signed = Object.keys(params)
    .sort()
    .reduce((text, name) => text + name + params[name], url)
  return createHmac('sha1', authToken).update(signed, 'utf8').digest('base64')
}

/** The URL that is called and signed: without the connection-override fragment and without user and password. */
function calledUrl(configured: string): string {
  return configured.replace(/#.*$/s, '').replace(/^(https?:\/\/)[^/?#@]*@/i, '$1')
}

/**
 * The call as Twilio makes it.
 * @param secret null leaves the signature out.
 */
export function twilioCallback(call: {
  kind: SentCallback['kind']
  url: string
  params: Params
  secret: string | null
}): SentCallback {
  const url = calledUrl(call.url)
  const charset = call.kind === 'status' ? '; charset=utf-8' : ''
  return {
    kind: call.kind,
    status: call.params['MessageStatus'] ?? 'received',
    url,
    headers: {
      'user-agent': 'TwilioProxy/1.1',
      accept: '*/*',
      'content-type': `application/x-www-form-urlencoded${charset}`,
      'i-twilio-idempotency-token': randomUUID(),
      'x-home-region': 'us1',
      ...(call.secret !== null && { 'x-twilio-signature': twilioSignature(call.secret, url, call.params) }),
    },
    body: new URLSearchParams(call.params).toString(),
    outcome: null,
  }
}

/**
 * Time-outs and repeats as the URL's fragment asks; by default one repeat, and only when no connection came about.
 * https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
 */
export function twilioRetryPolicy(configuredUrl: string, settings: Settings): RetryPolicy {
  const fragment = new URLSearchParams(configuredUrl.split('#')[1] ?? '')
  const count = (name: string, fallback: number, most: number) => {
    const given = fragment.get(name)
    return given === null || Number.isNaN(Number(given)) ? fallback : Math.min(Number(given), most)
  }
  const classes = (fragment.get('rp') ?? 'ct').split(',')
  const repeats = (name: string) => classes.includes(name) || classes.includes('all')
  return {
    connectMs: count('ct', 5000, 10_000),
    readMs: count('rt', 15_000, 15_000),
    waitsMs: Array.from({ length: count('rc', 1, 5) }, () => settings.twilioRetryWaitMs),
    isFailure: (result) => {
      const failure = failureClass(result)
      return failure !== null && repeats(failure)
    },
  }
}

function failureClass(result: PostResult): 'ct' | 'rt' | '4xx' | '5xx' | null {
  if (result.kind === 'connect_failed') return 'ct'
  if (result.kind !== 'answer') return 'rt'
  if (result.status >= 500) return '5xx'
  return result.status >= 400 ? '4xx' : null
}

/** Fields of https://www.twilio.com/docs/messaging/guides/webhook-request, in the order seen in captures. */
export function inboundParams(account: Account, message: SimulatedMessage, extras: InboundExtras): Params {
  const params =
    message.channel === 'whatsapp'
      ? whatsappParams(account, message, extras)
      : smsParams(account, message, extras)
  for (const [name, value] of Object.entries(extras.raw)) {
    if (value === null) delete params[name]
    else params[name] = value
  }
  return params
}

function smsParams(account: Account, message: SimulatedMessage, extras: InboundExtras): Params {
  const isPlace = message.customer.startsWith('+1')
  return {
    ToCountry: 'US',
    ToState: 'WA',
    SmsMessageSid: message.id,
    NumMedia: String(extras.media.length),
    ToCity: 'SEATTLE',
    FromZip: isPlace ? '98101' : '',
    SmsSid: message.id,
    FromState: isPlace ? 'WA' : '',
    SmsStatus: 'received',
    FromCity: isPlace ? 'SEATTLE' : '',
    Body: message.text,
    FromCountry: isPlace ? 'US' : '',
    To: message.number,
    ...service(account),
    ...(extras.optOutType !== null && { OptOutType: extras.optOutType }),
    ToZip: '98104',
    NumSegments: String(message.segments),
    MessageSid: message.id,
    AccountSid: account.id,
    From: message.customer,
    ...mediaParams(extras),
    ApiVersion: '2010-04-01',
  }
}

function whatsappParams(account: Account, message: SimulatedMessage, extras: InboundExtras): Params {
  const hasNumber = !isBusinessScopedId(message.customer)
  const to = twilioAddress(message.number, 'whatsapp')
  const { location } = message
  return {
    ExternalUserId: externalUserId(message.customer),
    SmsMessageSid: message.id,
    NumMedia: String(extras.media.length),
    ProfileName: extras.profileName,
    MessageType: messageType(message, extras),
    SmsSid: message.id,
    ...(hasNumber && { WaId: message.customer.replace('+', '') }),
    SmsStatus: 'received',
    Body: message.text,
    ...(extras.buttonPayload !== null && { ButtonText: message.text, ButtonPayload: extras.buttonPayload }),
    To: to,
    ...service(account),
    ...(extras.optOutType !== null && { OptOutType: extras.optOutType }),
    ...(location && {
      Latitude: String(location.latitude),
      Longitude: String(location.longitude),
      ...(location.address !== undefined && { Address: location.address }),
      ...(location.label !== undefined && { Label: location.label }),
    }),
    NumSegments: '1',
    ReferralNumMedia: '0',
    ...(extras.replyToMessageSid !== null && {
      OriginalRepliedMessageSid: extras.replyToMessageSid,
      OriginalRepliedMessageSender: to,
      Forwarded: 'false',
      FrequentlyForwarded: 'false',
    }),
    MessageSid: message.id,
    AccountSid: account.id,
    ...(extras.media.length === 0 && { ChannelMetadata: JSON.stringify({ type: 'whatsapp', data: {} }) }),
    From: twilioAddress(message.customer, 'whatsapp'),
    ...mediaParams(extras),
    ApiVersion: '2010-04-01',
  }
}

function service(account: Account): Params {
  const { messagingServiceSid } = account.options
  return messagingServiceSid === null ? {} : { MessagingServiceSid: messagingServiceSid }
}

function mediaParams({ media }: InboundExtras): Params {
  return Object.fromEntries(
    media.flatMap(({ url, contentType }, index) => [
      [`MediaContentType${index}`, contentType],
      [`MediaUrl${index}`, url],
    ]),
  )
}

function messageType(message: SimulatedMessage, { media, buttonPayload }: InboundExtras): string {
  if (message.location) return 'location'
  if (buttonPayload !== null) return 'interactive'
  const contentType = media[0]?.contentType
  if (contentType === undefined) return 'text'
  if (contentType === 'text/vcard') return 'contacts'
  const kind = contentType.split('/')[0] ?? ''
  return ['image', 'audio', 'video'].includes(kind) ? kind : 'document'
}

/** The business-scoped id: the customer's own where the number is hidden, else one that never changes for the number. */
function externalUserId(customer: string): string {
  if (isBusinessScopedId(customer)) return `whatsapp:${customer}`
  const digest = createHash('sha256').update(customer).digest('hex').slice(0, 12)
  return `whatsapp:US.${BigInt(`0x${digest}`)}`
}

/** Fields of a status callback. https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks */
export function statusParams(message: SimulatedMessage, status: string): Params {
  const isFailure = status === 'failed' || status === 'undelivered'
  return {
    ...(message.channel === 'whatsapp'
      ? channelFields(message, status)
      : { ...((status === 'delivered' || isFailure) && { RawDlrDoneDate: carrierTime(new Date()) }) }),
    ...(isFailure && message.errorCode !== null && { ErrorCode: message.errorCode }),
    ApiVersion: '2010-04-01',
    MessageStatus: status,
    SmsSid: message.id,
    SmsStatus: status,
    To: twilioAddress(message.customer, message.channel),
    From: twilioAddress(message.number, message.channel),
    MessageSid: message.id,
    AccountSid: message.accountId,
  }
}

function channelFields(message: SimulatedMessage, status: string): Params {
  return {
    ChannelPrefix: 'whatsapp',
    ChannelInstallSid: `XE${message.accountId.slice(2)}`,
    ChannelToAddress: `${message.customer.slice(0, -4)}XXXX`,
    ...(status === 'sent' && { StructuredMessage: 'false' }),
    ...((status === 'delivered' || status === 'read') && {
      ExternalUserId: externalUserId(message.customer),
    }),
    ...(status === 'failed' &&
      message.errorMessage !== null && { ChannelStatusMessage: message.errorMessage }),
  }
}

/** YYMMDDhhmm */
function carrierTime(at: Date): string {
  return at.toISOString().replace(/[-:T]/g, '').slice(2, 12)
}
