import { refuseUnsendable } from '../last-gate.js'
import type { OutboundMessage, SendReceipt } from '../provider.js'
import { ProviderError } from '../provider-error.js'
import type { TelesignAnswer, TelesignCall, TelesignCredentials } from './client.js'
import { explainCode, telesignStatus, translateAnswer } from './errors.js'
import { asObject, asText, codeOf, descriptionOf, type JsonObject } from './json.js'

/** https://developer.telesign.com/enterprise/reference/sendsms */
export async function sendThroughTelesign(
  call: TelesignCall,
  message: OutboundMessage,
  credentials: TelesignCredentials,
  now: Date,
): Promise<SendReceipt> {
  if (message.channel !== 'sms') throw new ProviderError('rejected', 'Telesign sends SMS only.')
  if (message.mediaUrls.length > 0) {
    throw new ProviderError('rejected', 'Telesign sends no files. Send the text alone.')
  }
  refuseUnsendable(message, now)
  const answer = await call(credentials, 'POST', '/v1/messaging', {
    phone_number: digitsOf(message.to),
    message: message.text,
    // Alerts, reminders, notifications: what an agent's reply counts as.
    message_type: 'ARN',
    sender_id: message.from.replace(/^\+/, ''),
    external_id: message.id,
    callback_url: message.statusCallbackUrl,
  })
  return readReceipt(answer)
}

function digitsOf(address: string): string {
  const digits = address.replace(/^\+/, '')
  if (/^\d{3,15}$/.test(digits)) return digits
  throw new ProviderError(
    'rejected',
    'The customer wrote from a sender name, not a number. It cannot be answered.',
  )
}

function readReceipt(answer: TelesignAnswer): SendReceipt {
  const json = asObject(answer.body)
  const reference = json === null ? null : asText(json['reference_id'])
  const isTaken = answer.httpStatus !== null && answer.httpStatus >= 200 && answer.httpStatus < 300
  if (!isTaken || json === null || reference === null) throw translateAnswer(answer)
  const code = codeOf(json)
  const status = code === null ? 'queued' : telesignStatus(code)
  if (code !== null && (status === 'failed' || isApiRefusal(code))) {
    const failure = explainCode(code, descriptionOf(json))
    throw new ProviderError(failure.kind, failure.message, code)
  }
  return { providerMessageId: reference, status: status ?? 'queued', segments: segmentsOf(json) }
}

/** Five digits, or negative: never a delivery status. */
function isApiRefusal(code: string): boolean {
  return /^(1[012]\d{3}|-\d+)$/.test(code)
}

/** A number in one sample of Telesign's, a text in another, mostly missing. */
function segmentsOf(json: JsonObject): number | null {
  const parts = Number(asText(asObject(json['additional_info'])?.['message_parts_count']) ?? 0)
  return Number.isInteger(parts) && parts > 0 ? parts : null
}
