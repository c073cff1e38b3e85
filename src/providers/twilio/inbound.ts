import { canonicalAddress } from '../../lib/phone-number.js'
import { storable } from '../../lib/storable.js'
import { bodyHash, boundedKey, ownMessageId } from '../callback-text.js'
import { consentWord, statedConsent } from '../consent-words.js'
import type {
  CallbackIdentity,
  CallbackRequest,
  Channel,
  DeliveryStatus,
  InboundEvent,
  InboundMedia,
  InboundMessage,
  InboundStatus,
} from '../provider.js'
import { explainCode } from './errors.js'
import { type Form, field, formOf } from './form.js'

/** https://www.twilio.com/docs/messaging/api/message-resource#message-status-values */
const statusOf = {
  accepted: 'queued',
  scheduled: 'queued',
  queued: 'queued',
  sending: 'sending',
  sent: 'sent',
  partially_delivered: 'sent',
  delivered: 'delivered',
  read: 'read',
  undelivered: 'undelivered',
  failed: 'failed',
  canceled: 'failed',
} as const satisfies Record<string, DeliveryStatus>

export function twilioStatus(status: string): DeliveryStatus | null {
  return Object.hasOwn(statusOf, status) ? statusOf[status as keyof typeof statusOf] : null
}

const sidOf = (form: Form) =>
  field(form, 'MessageSid') ?? field(form, 'SmsMessageSid') ?? field(form, 'SmsSid')

/** Inbound messages carry `SmsStatus=received`; a status callback has MessageStatus, very old ones SmsStatus alone. */
function reportedStatus(form: Form): string | undefined {
  const status = field(form, 'MessageStatus') ?? field(form, 'SmsStatus')
  return status === 'received' || status === 'receiving' ? undefined : status
}

export function identifyTwilio(request: CallbackRequest, accountSid: string): CallbackIdentity {
  const form = formOf(request)
  const common = {
    namesAccount: accountSid !== '' && field(form, 'AccountSid') === accountSid,
    isSigned: (request.headers['x-twilio-signature'] ?? '') !== '',
  }
  const sid = sidOf(form)
  const from = field(form, 'From')
  const status = reportedStatus(form)
  if (sid !== undefined && status !== undefined) {
    const key = boundedKey(`${sid}:${status}:${field(form, 'ErrorCode') ?? ''}`)
    return { kind: 'status', key, lane: boundedKey(sid), ...common }
  }
  if (sid !== undefined && from !== undefined) {
    const lane = boundedKey(canonicalAddress(channelOf(form), from))
    return { kind: 'message', key: boundedKey(sid), lane, ...common }
  }
  const hash = bodyHash(request.body)
  return { kind: 'unknown', key: hash, lane: hash, ...common }
}

export function parseTwilio(request: CallbackRequest): InboundEvent {
  const form = formOf(request)
  const sid = sidOf(form)
  if (sid === undefined) return unintelligible('it names no message (MessageSid)')
  const status = reportedStatus(form)
  if (status !== undefined) return readStatus(request, form, { sid, status })
  return readMessage(form, sid)
}

const unintelligible = (why: string): InboundEvent => ({
  type: 'ignored',
  reason: 'unintelligible',
  detail: `The callback makes no sense: ${why}.`,
})

/** https://www.twilio.com/docs/messaging/guides/track-outbound-message-status */
function readStatus(
  request: CallbackRequest,
  form: Form,
  report: { sid: string; status: string },
): InboundEvent {
  const status = twilioStatus(report.status)
  if (status === null) {
    return {
      type: 'ignored',
      reason: 'unknown_status',
      detail: `Twilio reported the status "${report.status.slice(0, 100)}", which is not known.`,
    }
  }
  const query = request.url.indexOf('?')
  const ours = query < 0 ? null : new URLSearchParams(request.url.slice(query)).get('message')
  return {
    type: 'status',
    providerMessageId: report.sid,
    messageId: ownMessageId(ours),
    status,
    error: status === 'failed' || status === 'undelivered' ? readFailure(form, report.status) : null,
  }
}

function readFailure(form: Form, status: string): InboundStatus['error'] {
  const code = text(form, 'ErrorCode') ?? null
  if (status === 'canceled' && code === null) {
    const message = 'The message was cancelled at Twilio before it was sent.'
    return { providerCode: null, message, optedOut: false, windowClosed: false }
  }
  const said = text(form, 'ErrorMessage') ?? text(form, 'ChannelStatusMessage') ?? null
  const failure = explainCode(code, said)
  return {
    providerCode: code,
    message: failure.message,
    optedOut: failure.kind === 'opted_out',
    windowClosed: failure.kind === 'window_closed',
  }
}

function text(form: Form, name: string): string | undefined {
  const value = field(form, name) ?? ''
  return value === '' ? undefined : value
}

const isWhatsApp = (address: string | undefined) => address?.toLowerCase().startsWith('whatsapp:') === true

/** Now and then From comes without its prefix, so either address decides. */
function channelOf(form: Form): Channel {
  return isWhatsApp(field(form, 'From')) || isWhatsApp(field(form, 'To')) ? 'whatsapp' : 'sms'
}

const foreignChannel = /^\s*(?!whatsapp:)([a-z][a-z_-]+):/i

/**
 * https://www.twilio.com/docs/messaging/guides/webhook-request. A message may have neither text nor media: a
 * location, or an empty text. A subaccount's AccountSid and a Messaging Service's id change nothing; both stay in
 * the details.
 */
function readMessage(form: Form, sid: string): InboundEvent {
  const from = text(form, 'From')
  const to = text(form, 'To')
  if (from === undefined || to === undefined) return unintelligible('it names no sender or no recipient')
  const foreign = foreignChannel.exec(from) ?? foreignChannel.exec(to)
  if (foreign !== null) {
    const detail = `The message came over the channel "${foreign[1]}", which is not supported.`
    return { type: 'ignored', reason: 'unsupported_content', detail }
  }
  const channel = channelOf(form)
  const address = canonicalAddress(channel, from)
  const body = text(form, 'Body') ?? ''
  return {
    type: 'message',
    providerMessageId: sid,
    channel,
    from: address,
    to: canonicalAddress(channel, to),
    aliases: aliasesOf(form, channel, address),
    text: body,
    media: readMedia(form, channel, body),
    location: readLocation(form),
    profileName: text(form, 'ProfileName') ?? null,
    replyTo: text(form, 'OriginalRepliedMessageSid') ?? null,
    consent: statedConsent(field(form, 'OptOutType')) ?? consentWord('twilio', body),
    details: readDetails(form),
  }
}

/** The number behind a business-scoped id, or the id behind a number. https://www.twilio.com/docs/whatsapp/key-concepts */
function aliasesOf(form: Form, channel: Channel, address: string): string[] {
  if (channel !== 'whatsapp') return []
  const given = ['WaId', 'ExternalUserId', 'ParentExternalUserId'].flatMap((name) => text(form, name) ?? [])
  const others = given.map((alias) => canonicalAddress(channel, alias)).filter((alias) => alias !== address)
  return [...new Set(others)]
}

function readMedia(form: Form, channel: Channel, body: string): InboundMedia[] {
  const media: InboundMedia[] = []
  for (let n = 0; ; n++) {
    const url = text(form, `MediaUrl${n}`)
    if (url === undefined) break
    const contentType = text(form, `MediaContentType${n}`) ?? 'application/octet-stream'
    media.push({ url, contentType, fileName: null })
  }
  const only = media.length === 1 ? media[0] : undefined
  if (only !== undefined && channel === 'whatsapp' && isFileName(body, form, only)) only.fileName = body
  return media
}

const fileNameForm = /^[^\r\n/\\]{1,250}\.[a-z0-9]{1,8}$/i
const shownWithCaption = /^(image|audio|video)\/|^text\/(x-)?vcard/

/**
 * WhatsApp gives the name of a document as the Body, where other media have a caption. The text stays as it came,
 * since a caption can look like a name; so nothing is lost either way. MessageType is undocumented: it can only say
 * that an image was sent as a file.
 */
function isFileName(body: string, form: Form, media: InboundMedia): boolean {
  if (!fileNameForm.test(body)) return false
  return field(form, 'MessageType') === 'document' || !shownWithCaption.test(media.contentType)
}

function readLocation(form: Form): InboundMessage['location'] {
  const latitude = Number(field(form, 'Latitude') ?? Number.NaN)
  const longitude = Number(field(form, 'Longitude') ?? Number.NaN)
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return null
  return { latitude, longitude, address: text(form, 'Address') ?? null, label: text(form, 'Label') ?? null }
}

/** What has its own place in the event, repeats another field, or says nothing. */
const placed =
  /^(MessageSid|SmsSid|SmsMessageSid|SmsStatus|From|To|Body|NumMedia|MediaUrl\d+|MediaContentType\d+|ProfileName|OriginalRepliedMessageSid|ApiVersion)$/

function readDetails(form: Form): Record<string, string> {
  const details: [string, string][] = []
  for (const name in form) {
    const value = form[name]
    if (value === undefined || value.length === 0 || placed.test(name)) continue
    details.push([storable(name), storable(Array.isArray(value) ? value.join('\n') : value)])
  }
  return Object.fromEntries(details)
}
