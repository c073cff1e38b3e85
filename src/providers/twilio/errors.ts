import { neverConnected } from '../network-fault.js'
import {
  ProviderError,
  type ProviderErrorKind,
  readRetryAfter,
  windowClosedSentence,
} from '../provider-error.js'

/**
 * Twilio's codes as they come in the answer to a send and, later, in a status callback; each with what it means for
 * the message and a sentence for people. https://www.twilio.com/docs/api/errors
 */
const table: Readonly<Record<string, readonly [ProviderErrorKind, string]>> = {
  '14107': [
    'throttled',
    'Twilio stopped a loop of replies between these two numbers. Look for an automatic reply on both sides.',
  ],
  '20003': [
    'misconfigured',
    'Twilio refused the Account SID or Auth Token. Check both in the Twilio console, and that the account is not suspended.',
  ],
  '20005': ['misconfigured', 'The Twilio account is not active. Reactivate it in the Twilio console.'],
  '20008': [
    'misconfigured',
    'These are Twilio test credentials, which cannot be used for this. Enter the live ones.',
  ],
  '20403': ['misconfigured', 'Twilio does not allow this account to do that. Check its permissions.'],
  '20404': ['misconfigured', 'Twilio does not know this account. Check the Account SID.'],
  '20409': ['rejected', 'Twilio refused the message because it conflicts with another request. Try again.'],
  '20429': ['throttled', 'Twilio has too many requests of this account at once.'],
  '21211': ['rejected', 'The customer’s number is not a valid phone number. Correct it.'],
  '21212': ['misconfigured', 'The sending number is not valid at Twilio. Check the channel number.'],
  '21214': ['rejected', 'The customer’s number cannot be reached.'],
  '21408': [
    'misconfigured',
    'The Twilio account may not send to this country. Allow it under Messaging, Geo permissions.',
  ],
  '21601': ['misconfigured', 'The sending number cannot send SMS. Use one that can.'],
  '21602': ['rejected', 'The message has no text.'],
  '21603': ['misconfigured', 'No sending number was given. Check the channel number.'],
  '21604': ['rejected', 'No recipient was given.'],
  '21606': [
    'misconfigured',
    'The sending number does not belong to the Twilio account or cannot send to this destination. Check the channel number.',
  ],
  '21607': ['misconfigured', 'A trial account must send from the number that Twilio gave it.'],
  '21608': [
    'misconfigured',
    'A trial account can send to verified numbers only. Verify the customer’s number at Twilio or upgrade the account.',
  ],
  '21609': [
    'misconfigured',
    'Twilio refused the address for delivery reports. PUBLIC_URL must have a public host name without underscores.',
  ],
  '21610': [
    'opted_out',
    'The customer has opted out of messages from this number. They must text START before you can write again.',
  ],
  '21611': ['throttled', 'Twilio’s queue for the sending number is full.'],
  '21612': ['rejected', 'The customer’s number cannot be reached by SMS from the sending number.'],
  '21614': ['rejected', 'The customer’s number is not a mobile number and cannot receive SMS.'],
  '21616': ['misconfigured', 'The sender matches several numbers of the Twilio account. Name one.'],
  '21617': ['too_long', 'The message is longer than Twilio takes (1600 characters). Shorten it.'],
  '21620': ['rejected', 'Twilio refused the address of the file. Check that PUBLIC_URL is reachable.'],
  '21621': ['misconfigured', 'The sending number cannot send files (MMS).'],
  '21622': ['misconfigured', 'MMS is not enabled for the sending number.'],
  '21623': ['rejected', 'The message has more files than Twilio takes.'],
  '21654': ['rejected', 'Twilio wants an approved template for this message.'],
  '21655': ['rejected', 'The template is not valid at Twilio.'],
  '21656': ['rejected', 'The variables do not fit the template.'],
  '21658': ['too_long', 'A part of the message is longer than Twilio takes. Shorten it.'],
  '21701': ['misconfigured', 'The Messaging Service does not exist at Twilio.'],
  '21703': ['misconfigured', 'The Messaging Service has no sender. Add a number to it at Twilio.'],
  '21704': ['misconfigured', 'The Messaging Service has no sender. Add a number to it at Twilio.'],
  '21705': ['misconfigured', 'The Messaging Service is not valid at Twilio.'],
  '21910': ['rejected', 'Sender and recipient belong to different channels.'],
  '30001': ['throttled', 'Twilio’s queue was full and the message was dropped. Send it again later.'],
  '30002': ['misconfigured', 'The Twilio account was suspended before the message was sent.'],
  '30003': [
    'rejected',
    'The customer’s phone cannot be reached: it is off, out of coverage or cannot receive SMS. Try again later.',
  ],
  '30004': ['rejected', 'The message was blocked: the customer or their carrier does not accept messages.'],
  '30005': ['rejected', 'The customer’s number does not exist or is no longer in use.'],
  '30006': ['rejected', 'The customer’s number is a landline or its carrier cannot be reached.'],
  '30007': ['rejected', 'The message was filtered as spam. Do not send the same text again.'],
  '30008': ['rejected', 'The message was not delivered, and the carrier gave no reason. Try again later.'],
  '30010': ['rejected', 'The message costs more than the limit set at Twilio.'],
  '30011': ['rejected', 'The customer’s carrier does not take files (MMS).'],
  '30017': ['throttled', 'The customer’s carrier is congested. Send it again later.'],
  '30018': ['misconfigured', 'The destination wants a registered sender. Register it at Twilio.'],
  '30019': ['rejected', 'The file is too large for the customer’s carrier.'],
  '30022': ['throttled', 'The US A2P rate limit of the sending number was exceeded. Send it again later.'],
  '30023': ['rejected', 'The daily limit of the US A2P campaign is used up. Send it tomorrow.'],
  '30024': ['misconfigured', 'The sending number is not registered with the customer’s carrier.'],
  '30027': ['rejected', 'The daily limit at the customer’s carrier is used up. Send it tomorrow.'],
  '30032': ['misconfigured', 'The toll-free number is not verified. Verify it at Twilio.'],
  '30034': ['misconfigured', 'The sending number is not registered for US A2P 10DLC. Register it at Twilio.'],
  '30410': ['rejected', 'The carrier did not answer Twilio in time. Try again later.'],
  '30500': ['rejected', 'Twilio had an internal error. Try again later.'],
  '63001': ['misconfigured', 'WhatsApp refused Twilio’s access to the sender. Check the sender at Twilio.'],
  '63002': ['misconfigured', 'The WhatsApp sender is not known. Check the channel number.'],
  '63003': ['rejected', 'The customer’s number is not on WhatsApp.'],
  '63005': ['rejected', 'WhatsApp did not accept the content of the message.'],
  '63006': ['rejected', 'WhatsApp could not format the message. Change its content.'],
  '63007': [
    'misconfigured',
    'The Twilio account has no WhatsApp sender with this number. Check the channel number.',
  ],
  '63008': ['misconfigured', 'The WhatsApp sender is set up wrongly. Check it at Twilio.'],
  '63009': ['rejected', 'WhatsApp reported an error. Try again later.'],
  '63010': ['rejected', 'Twilio had an internal error on WhatsApp. Try again later.'],
  '63012': ['rejected', 'WhatsApp had an internal error. Try again later.'],
  '63013': ['rejected', 'The message breaks a rule of WhatsApp. Change its content.'],
  '63014': ['opted_out', 'The customer has blocked this WhatsApp sender. Reach them another way.'],
  '63015': [
    'rejected',
    'The customer has not joined the WhatsApp sandbox, or their three days are over. Ask them to send the join code.',
  ],
  '63016': ['window_closed', windowClosedSentence],
  '63017': ['throttled', 'The WhatsApp rate limit of the Twilio account was exceeded.'],
  '63018': ['throttled', 'The WhatsApp rate limit of the sender was exceeded.'],
  '63019': [
    'rejected',
    'Twilio could not download the file. Check that PUBLIC_URL is reachable and send it again.',
  ],
  '63020': ['misconfigured', 'The WhatsApp Business account has not accepted Twilio’s invitation.'],
  '63021': ['rejected', 'WhatsApp did not accept the content of the message.'],
  '63024': [
    'rejected',
    'The customer cannot receive this on WhatsApp: no account, old app or terms not accepted.',
  ],
  '63026': ['rejected', 'WhatsApp did not accept the message.'],
  '63027': ['rejected', 'The WhatsApp template does not exist in this language.'],
  '63028': ['rejected', 'The number of variables does not fit the WhatsApp template.'],
  '63030': ['rejected', 'WhatsApp does not know a part of the message.'],
  '63032': [
    'rejected',
    'WhatsApp does not deliver this message to this customer (its limit on marketing or a trial).',
  ],
  '63033': ['opted_out', 'The customer has blocked messages from this business. Reach them another way.'],
  '63034': ['rejected', 'The file is larger than WhatsApp takes (16 MB, images 5 MB).'],
  '63037': ['rejected', 'WhatsApp could not take the file. Send it again later.'],
  '63038': ['rejected', 'The daily message limit of the Twilio account is used up. Send it tomorrow.'],
  '63040': ['rejected', 'WhatsApp has rejected this template.'],
  '63041': ['rejected', 'WhatsApp has paused this template.'],
  '63051': ['misconfigured', 'WhatsApp has locked the sender. Unlock it at Twilio.'],
}

// A map, since a code is whatever a callback says: `constructor` would be found in an object.
const codes = new Map(Object.entries(table))

interface TwilioFailure {
  kind: ProviderErrorKind
  message: string
  providerCode: string | null
}

/**
 * @param code as Twilio gives it, digits; null where it gives none
 * @param said Twilio's own words, used where the code is not in the table
 */
export function explainCode(code: string | null, said: string | null): TwilioFailure {
  const known = code === null ? undefined : codes.get(code)
  if (known !== undefined) return { kind: known[0], message: known[1], providerCode: code }
  const words = said === null || said === '' ? '' : `: ${said.slice(0, 300)}`
  if (code === null) {
    return { kind: 'rejected', message: `Twilio gave no reason${words}`, providerCode: null }
  }
  const link = /^\d+$/.test(code) ? ` (https://www.twilio.com/docs/api/errors/${code})` : ''
  return { kind: 'rejected', message: `Twilio reported error ${code}${words}${link}`, providerCode: code }
}

/** What a bare HTTP status means, where a proxy or an old resource gives no code. */
const codeOfStatus: Readonly<Record<number, string>> = { 401: '20003', 403: '20403', 404: '20404' }

/**
 * What the SDK threw, as one of our kinds. Only what certainly was not taken is called so: a time-out, a reset, HTTP
 * 5xx and an answer that cannot be read leave the outcome open.
 *
 * The SDK throws `RestException` or `TwilioServiceException` (both with status and code) for an answer that is no
 * success (client.ts adds what HTTP 429 says about when to come again), axios's own error for the network, `SyntaxError` for a success that is no JSON.
 */
export function translateTwilioError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error
  const { status, code, message, retryAfterMs } = describe(error)
  if (status === null) {
    return neverConnected(error)
      ? new ProviderError('unreachable', 'Twilio could not be reached; nothing was sent.')
      : new ProviderError('outcome_unknown', 'Twilio’s answer was lost; the message may have been sent.')
  }
  if (status >= 500 || status === 408 || status < 300) {
    const sentence = `Twilio answered with a fault (HTTP ${status}); the message may have been sent.`
    return new ProviderError('outcome_unknown', sentence, code)
  }
  if (status === 429) {
    return new ProviderError('throttled', 'Twilio is busy and did not take it.', code, retryAfterMs)
  }
  return translateRefusal(status, code, message)
}

function translateRefusal(status: number, code: string | null, message: string): ProviderError {
  if (status < 400) {
    const sentence = `Twilio answered with a redirect (HTTP ${status}). Check TWILIO_API_URL.`
    return new ProviderError('misconfigured', sentence)
  }
  const meaning = code ?? codeOfStatus[status]
  if (meaning === undefined) return new ProviderError('rejected', `Twilio refused it (HTTP ${status}).`)
  const failure = explainCode(meaning, message)
  return new ProviderError(failure.kind, failure.message, code)
}

interface Described {
  status: number | null
  code: string | null
  message: string
  retryAfterMs: number | null
}

function describe(error: unknown): Described {
  if (typeof error !== 'object' || error === null)
    return { status: null, code: null, message: String(error), retryAfterMs: null }
  const { status, code, message, retryAfter } = error as Record<string, unknown>
  return {
    status: typeof status === 'number' ? status : null,
    code: typeof status === 'number' && typeof code === 'number' && code > 0 ? String(code) : null,
    message: typeof message === 'string' ? message : '',
    retryAfterMs: readRetryAfter(retryAfter),
  }
}

/** For calls that change nothing: whatever leaves the outcome of a send open is here simply no answer. */
export function translateReadError(error: unknown): ProviderError {
  const translated = translateTwilioError(error)
  if (translated.kind !== 'outcome_unknown' && translated.kind !== 'unreachable') return translated
  return new ProviderError(
    'unreachable',
    'Twilio could not be reached or did not answer properly. Try again.',
    translated.providerCode,
  )
}
