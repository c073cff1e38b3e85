import type { FastifyRequest } from 'fastify'
import { twilioAddress } from './addresses.js'
import type { Account, BusinessNumber, SimulatedMessage, SimulatorState } from './state.js'

// Rows as in the examples of https://github.com/twilio/twilio-oai

function rfc2822(at: Date): string {
  return at.toUTCString().replace('GMT', '+0000')
}

export function messageRow(message: SimulatedMessage): Record<string, unknown> {
  const uri = `/2010-04-01/Accounts/${message.accountId}/Messages/${message.id}`
  const inbound = message.direction === 'inbound'
  const customer = twilioAddress(message.customer, message.channel)
  const number = twilioAddress(message.number, message.channel)
  const isSent = !['queued', 'failed'].includes(message.status)
  return {
    account_sid: message.accountId,
    api_version: '2010-04-01',
    body: message.text,
    date_created: rfc2822(message.createdAt),
    date_sent: isSent ? rfc2822(message.createdAt) : null,
    date_updated: rfc2822(message.updatedAt),
    direction: inbound ? 'inbound' : 'outbound-api',
    error_code: message.errorCode === null ? null : Number(message.errorCode),
    error_message: message.errorMessage,
    from: inbound ? customer : number,
    messaging_service_sid: null,
    num_media: String(Math.max(message.mediaUrls.length, message.mediaIds.length)),
    num_segments: String(message.segments),
    price: null,
    price_unit: 'USD',
    sid: message.id,
    status: message.status,
    subresource_uris: { media: `${uri}/Media.json` },
    to: inbound ? number : customer,
    uri: `${uri}.json`,
  }
}

/** https://www.twilio.com/docs/messaging/api/media-resource#read-multiple-media-resources */
export function mediaRows({ accountId, id, mediaIds, createdAt }: SimulatedMessage, state: SimulatorState) {
  return mediaIds.map((sid) => ({
    sid,
    account_sid: accountId,
    parent_sid: id,
    content_type: state.media.get(sid)?.contentType ?? 'application/octet-stream',
    date_created: rfc2822(createdAt),
    date_updated: rfc2822(createdAt),
    uri: `/2010-04-01/Accounts/${accountId}/Messages/${id}/Media/${sid}.json`,
  }))
}

/** Newest first, filtered and paged as https://www.twilio.com/docs/messaging/api/message-resource says. */
export function messageList(
  state: SimulatorState,
  account: Account,
  query: Record<string, string | undefined>,
): Record<string, unknown> {
  const size = Math.min(Math.max(Number(query['PageSize'] ?? 50) || 50, 1), 1000)
  const matching = [...state.messages.values()]
    .filter((each) => each.accountId === account.id && !each.automatic && matches(each, query))
    .reverse()
  const after = query['PageToken']?.replace(/^PA/, '')
  const start = after === undefined ? 0 : matching.findIndex((each) => each.id === after) + 1
  const rows = matching.slice(start, start + size)
  const last = rows.at(-1)
  const number = Number(query['Page'] ?? 0) || 0
  const path = `/2010-04-01/Accounts/${account.id}/Messages.json`
  const pageUri = (extra: Record<string, string>) => {
    const { PageToken: _token, Page: _page, ...filters } = query
    return `${path}?${new URLSearchParams({ ...definedOf(filters), PageSize: String(size), ...extra })}`
  }
  const hasMore = last !== undefined && start + size < matching.length
  return {
    messages: rows.map(messageRow),
    page: number,
    page_size: size,
    start: number * size,
    end: number * size + rows.length - 1,
    first_page_uri: pageUri({ Page: '0' }),
    next_page_uri: hasMore ? pageUri({ Page: String(number + 1), PageToken: `PA${last.id}` }) : null,
    previous_page_uri: null,
    uri: pageUri({ Page: String(number) }),
  }
}

function definedOf(query: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

function matches(message: SimulatedMessage, query: Record<string, string | undefined>): boolean {
  const { from, to } = messageRow(message)
  if (query['From'] !== undefined && query['From'] !== from) return false
  if (query['To'] !== undefined && query['To'] !== to) return false
  const second = Math.floor(message.createdAt.getTime() / 1000) * 1000
  const { DateSent: on, 'DateSent>': since, 'DateSent<': until } = query
  if (since !== undefined && second < Date.parse(since)) return false
  if (until !== undefined && second > Date.parse(until)) return false
  return on === undefined || message.createdAt.toISOString().slice(0, 10) === on.slice(0, 10)
}

export function numberRow(account: Account, { number, capabilities, callbackUrl }: BusinessNumber) {
  const sid = `PN${number.replace(/\D/g, '').padStart(32, '0')}`
  return {
    sid,
    account_sid: account.id,
    friendly_name: number,
    phone_number: number,
    capabilities: { voice: false, sms: capabilities.sms, mms: capabilities.mms, fax: false },
    sms_url: callbackUrl,
    sms_method: 'POST',
    sms_fallback_url: '',
    sms_application_sid: '',
    status: 'in-use',
    uri: `/2010-04-01/Accounts/${account.id}/IncomingPhoneNumbers/${sid}.json`,
  }
}

export function shortCodeRow(account: Account, { number, callbackUrl }: BusinessNumber) {
  const sid = `SC${number.padStart(32, '0')}`
  return {
    sid,
    account_sid: account.id,
    friendly_name: number,
    short_code: number,
    sms_url: callbackUrl,
    sms_method: 'POST',
    uri: `/2010-04-01/Accounts/${account.id}/SMS/ShortCodes/${sid}.json`,
  }
}

export function senderRow(account: Account, { number, callbackUrl }: BusinessNumber) {
  return {
    sid: `XE${number.replace(/\D/g, '').padStart(32, '0')}`,
    status: 'ONLINE',
    sender_id: twilioAddress(number, 'whatsapp'),
    configuration: { waba_id: account.id.slice(2, 17) },
    webhook: { callback_url: callbackUrl, callback_method: 'POST' },
    properties: { quality_rating: 'HIGH', messaging_limit: '1K Customers/24hr' },
    url: `https://messaging.twilio.com/v2/Channels/Senders/XE${number.replace(/\D/g, '').padStart(32, '0')}`,
  }
}

/** A list small enough for one page. */
export function page(key: string, rows: unknown[], request: FastifyRequest): Record<string, unknown> {
  const uri = request.url.replace(/^\/twilio/, '')
  return {
    [key]: rows,
    page: 0,
    page_size: Math.max(rows.length, 50),
    start: 0,
    end: rows.length - 1,
    first_page_uri: uri,
    next_page_uri: null,
    previous_page_uri: null,
    uri,
  }
}
