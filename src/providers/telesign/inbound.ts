import { canonicalAddress } from '../../lib/phone-number.js'
import { storable } from '../../lib/storable.js'
import { bodyHash, boundedKey, ownMessageId } from '../callback-text.js'
import { consentWord, statedConsent } from '../consent-words.js'
import type { CallbackIdentity, CallbackRequest, InboundEvent } from '../provider.js'
import { explainCode, telesignStatus } from './errors.js'
import { asObject, asText, codeOf, descriptionOf, errorCodeOf, type JsonObject, jsonOf } from './json.js'
import { namedCustomer, signaturesOf } from './signature.js'

/** One URL gets both kinds. `sub_resource` may be missing, and other products' inbound messages have names of their own. */
function isInbound(json: JsonObject): boolean {
  return 'user_response' in json || asText(json['sub_resource'])?.startsWith('mo_') === true
}

export function identifyTelesign(request: CallbackRequest, customerId: string): CallbackIdentity {
  const common = {
    namesAccount: customerId !== '' && namedCustomer(request)?.toLowerCase() === customerId.toLowerCase(),
    isSigned: signaturesOf(request).length > 0,
  }
  const json = jsonOf(request)
  const reference = json === null ? null : asText(json['reference_id'])
  if (json === null || reference === null) {
    const hash = bodyHash(request.body)
    return { kind: 'unknown', key: hash, lane: hash, ...common }
  }
  if (isInbound(json)) {
    const phone = asText(asObject(json['user_response'])?.['phone_number'])
    const lane = boundedKey(phone === null ? reference : canonicalAddress('sms', phone))
    return { kind: 'message', key: boundedKey(reference), lane, ...common }
  }
  const key = boundedKey(`${reference}:${codeOf(json) ?? ''}:${errorCodeOf(json) ?? ''}`)
  return { kind: 'status', key, lane: boundedKey(reference), ...common }
}

export function parseTelesign(request: CallbackRequest): InboundEvent {
  const json = jsonOf(request)
  if (json === null) return unintelligible('its body is no JSON object')
  const reference = asText(json['reference_id'])
  if (reference === null) return unintelligible('it names no message (reference_id)')
  return isInbound(json) ? readMessage(json, reference) : readStatus(json, reference)
}

const unintelligible = (why: string): InboundEvent => ({
  type: 'ignored',
  reason: 'unintelligible',
  detail: `The callback makes no sense: ${why}.`,
})

/**
 * https://developer.telesign.com/enterprise/docs/inbound-sms: `phone_number` is the customer, `sender_id` is ours.
 * SMS only: the omnichannel product has other shapes (`mo_mms` with `text_1`, `url_image_1`).
 */
function readMessage(json: JsonObject, reference: string): InboundEvent {
  const resource = asText(json['sub_resource']) ?? 'mo_sms'
  if (resource !== 'mo_sms') {
    const detail = `Telesign sent a message of the kind "${resource.slice(0, 100)}", which is not supported.`
    return { type: 'ignored', reason: 'unsupported_content', detail }
  }
  const response = asObject(json['user_response']) ?? {}
  const from = asText(response['phone_number'])
  const to = asText(response['sender_id'])
  if (from === null || to === null) return unintelligible('it names no sender or no recipient')
  const text = asText(response['mo_message']) ?? ''
  return {
    type: 'message',
    providerMessageId: reference,
    channel: 'sms',
    from: canonicalAddress('sms', from),
    to: canonicalAddress('sms', to),
    aliases: [],
    text,
    media: [],
    location: null,
    profileName: null,
    replyTo: null,
    consent: statedConsent(asText(response['action']) ?? undefined) ?? consentWord('telesign', text),
    details: { ...readDetails(json, placedOutside), ...readDetails(response, placedInResponse) },
  }
}

const placedOutside = new Set(['reference_id', 'sub_resource', 'status', 'user_response', 'errors'])
const placedInResponse = new Set(['phone_number', 'sender_id', 'mo_message'])

function readDetails(json: JsonObject, placed: ReadonlySet<string>): Record<string, string> {
  const details = Object.entries(json).flatMap(([name, value]): [string, string][] => {
    if (placed.has(name) || value === null || value === '') return []
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return [[storable(name), storable(text)]]
  })
  return Object.fromEntries(details)
}

/** https://developer.telesign.com/enterprise/docs/sms-callback-service */
function readStatus(json: JsonObject, reference: string): InboundEvent {
  const code = codeOf(json)
  if (code === null) return unintelligible('it names no status (status.code)')
  const status = telesignStatus(code)
  if (status === null) {
    const detail = `Telesign reported the status ${code.slice(0, 100)}, which is not known.`
    return { type: 'ignored', reason: 'unknown_status', detail }
  }
  return {
    type: 'status',
    providerMessageId: reference,
    messageId: ownMessageId(asText(json['external_id'])),
    status,
    error: status === 'failed' ? readFailure(code, descriptionOf(json)) : null,
  }
}

function readFailure(code: string, said: string | null) {
  const failure = explainCode(code, said)
  return {
    providerCode: code,
    message: failure.message,
    optedOut: failure.kind === 'opted_out',
    windowClosed: false,
  }
}
