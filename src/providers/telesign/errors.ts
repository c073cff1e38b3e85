import type { DeliveryStatus } from '../provider.js'
import { ProviderError, type ProviderErrorKind, readRetryAfter } from '../provider-error.js'
import type { TelesignAnswer } from './client.js'
import { asObject, codeOf, descriptionOf } from './json.js'

/**
 * Delivery codes that are no failure. 250 and 251 are final: more will not be learnt, and the text has left.
 * https://developer.telesign.com/enterprise/docs/all-status-and-error-codes
 */
const deliveryStatus: Readonly<Record<string, DeliveryStatus>> = {
  '200': 'delivered',
  '201': 'delivered',
  '203': 'sent',
  '250': 'sent',
  '251': 'sent',
  '290': 'queued',
  '292': 'queued',
  '295': 'queued',
}

/** Telesign's codes for messages that were not delivered: what each means and a sentence for people. */
const deliveryFailures: Readonly<Record<string, readonly [ProviderErrorKind, string]>> = {
  '207': ['rejected', 'The message was not delivered, and the carrier gave no reason.'],
  '210': ['rejected', 'The customer’s phone had a temporary fault. Send it again later.'],
  '211': ['rejected', 'The customer’s phone cannot receive the message.'],
  '220': ['rejected', 'Telesign has no route to the customer’s number.'],
  '221': ['rejected', 'The message expired before the phone could be reached. Send it again later.'],
  '222': ['rejected', 'The customer’s number cannot receive SMS.'],
  '229': ['rejected', 'Telesign blocks this number at the account’s own request. Ask its support.'],
  '230': ['rejected', 'Telesign blocks messages to this number. Ask its support.'],
  '231': ['rejected', 'Telesign did not accept the text. Change its content.'],
  '233': ['rejected', 'Telesign blocked the text for its content. Change it.'],
  '237': ['misconfigured', 'The Telesign account may not send to this country. Ask its support.'],
  '238': ['misconfigured', 'The Telesign account may not send to this range of numbers. Ask its support.'],
  '500': ['rejected', 'Telesign did not try to send the message.'],
  '501': ['misconfigured', 'The Telesign account may not send this. Ask its support.'],
  '502': [
    'misconfigured',
    'The campaign of the sending number is set up wrongly at Telesign. Ask its support.',
  ],
  '503': ['rejected', 'The customer’s carrier had a temporary fault. Send it again later.'],
  '504': ['rejected', 'The customer’s carrier refused the message.'],
  '505': ['rejected', 'Telesign’s gateway had a temporary fault. Send it again later.'],
  '506': ['rejected', 'Telesign’s gateway refused the message.'],
  '507': ['rejected', 'The customer’s number is not valid. Correct it.'],
  '508': ['misconfigured', 'The sending number is not valid at Telesign. Check the channel number.'],
  '509': ['rejected', 'The carrier does not support a part of the message.'],
  '510': [
    'opted_out',
    'The customer has opted out of messages from this number. They must text START before you can write again.',
  ],
  '511': ['misconfigured', 'The Telesign account has too little credit. Add funds.'],
  '512': ['rejected', 'The customer is roaming and cannot be reached. Send it again later.'],
  '513': ['rejected', 'The customer’s number is being moved to another carrier.'],
  '514': ['rejected', 'The customer’s phone is off or out of coverage. Send it again later.'],
  '515': ['rejected', 'The message was filtered as spam. Do not send the same text again.'],
  '517': ['misconfigured', 'The registration for India (DLT) is wrong. Mend it at Telesign.'],
  '518': ['rejected', 'The customer’s SIM card was changed recently, so the message was held back.'],
  '519': ['rejected', 'The customer’s SIM card was changed recently, so the message was held back.'],
  '520': ['rejected', 'The content of the message is not allowed there. Change it.'],
  '521': ['misconfigured', 'The sending number is not allowed there. Have it approved by Telesign.'],
}

const wrongSignature: readonly [ProviderErrorKind, string] = [
  'misconfigured',
  'Telesign refused the signature of the request. Check the Customer ID and the API key, and this machine’s clock.',
]

/** Codes of an API answer. Those of a single wrong field are not here: Telesign’s own words name it. */
const apiFailures: Readonly<Record<string, readonly [ProviderErrorKind, string]>> = {
  '10000': ['outcome_unknown', 'Telesign had an internal fault; the message may have been sent.'],
  '10002': wrongSignature,
  '10003': wrongSignature,
  '10004': wrongSignature,
  '10005': wrongSignature,
  '10006': wrongSignature,
  '10007': wrongSignature,
  '10008': wrongSignature,
  '10009': wrongSignature,
  '10010': ['misconfigured', 'The Telesign account is suspended. Ask its support.'],
  '10011': [
    'misconfigured',
    'The Telesign account does not have the SMS product. Ask its support to enable it.',
  ],
  '10014': [
    'misconfigured',
    'Telesign refuses requests from this server’s address. Have it added to the allowed ones.',
  ],
  '10015': ['misconfigured', 'Telesign does not know this Customer ID. Check it in the Telesign portal.'],
  '10017': ['rejected', 'Telesign does not know this message.'],
  '10019': ['throttled', 'The rate limit of the Telesign account was exceeded.'],
  '10020': ['misconfigured', 'The limit of the Telesign account is used up. Ask its support to raise it.'],
  '10022': ['misconfigured', 'The API key is wrong. Check it in the Telesign portal.'],
  '10028': ['misconfigured', 'The Telesign account may not do this. Ask its support.'],
  '10030': ['misconfigured', 'The Telesign account has no funds. Add some.'],
  '10031': ['misconfigured', 'Telesign blocks this message at the account’s own request. Ask its support.'],
  '10032': ['rejected', 'Telesign blocked the message.'],
  '10033': [
    'misconfigured',
    'A trial account can send to verified numbers only. Verify the number at Telesign or upgrade.',
  ],
  '10035': ['misconfigured', 'The Telesign account may not use this. Ask its support.'],
  '10036': ['rejected', 'Telesign no longer knows this message.'],
  '11000': ['rejected', 'The customer’s number is not a valid phone number. Correct it.'],
  '11009': ['rejected', 'Telesign refused the text of the message.'],
  '11013': ['misconfigured', 'Telesign refused the sending number. Have it approved for the account.'],
  '-40007': ['throttled', 'The rate limit of the Telesign account was exceeded.'],
  '-90001': ['outcome_unknown', 'Telesign was unavailable; the message may have been sent.'],
}

// A map, since a code is whatever a callback says: `constructor` would be found in an object.
const failures = new Map(Object.entries({ ...apiFailures, ...deliveryFailures }))

interface TelesignFailure {
  kind: ProviderErrorKind
  message: string
}

/** @param said Telesign's own words, used where the code is not in the tables */
export function explainCode(code: string, said: string | null): TelesignFailure {
  const known =
    deliveryFailures[code] ?? apiFailures[code] ?? (isOldCredentialCode(code) ? wrongSignature : null)
  if (known !== null) return { kind: known[0], message: known[1] }
  const words = said === null ? '' : `: ${said.slice(0, 300)}`
  return { kind: 'rejected', message: `Telesign reported ${code}${words}` }
}

/** -30000 to -30015: Customer ID, signature or key, in the words of the older interface. */
function isOldCredentialCode(code: string): boolean {
  return /^-300(0\d|1[0-5])$/.test(code)
}

/** null for a code that stands for no delivery status: unknown ones, 599, 1500 and those of other products. */
export function telesignStatus(code: string): DeliveryStatus | null {
  if (Object.hasOwn(deliveryStatus, code)) return deliveryStatus[code] ?? null
  const isFailure = Object.hasOwn(deliveryFailures, code) || code === '10031' || code === '10032'
  return isFailure ? 'failed' : null
}

/**
 * An answer that is no success, as one of our kinds. Telesign says to go by `status.code`; the HTTP status decides
 * where there is none, and for HTTP 5xx, after which nobody knows.
 */
export function translateAnswer(answer: TelesignAnswer): ProviderError {
  const { httpStatus, fault } = answer
  if (httpStatus === null) {
    return fault === 'never_connected'
      ? new ProviderError('unreachable', 'Telesign could not be reached; nothing was sent.')
      : new ProviderError('outcome_unknown', 'Telesign’s answer was lost; the message may have been sent.')
  }
  const json = asObject(answer.body)
  const code = json === null ? null : codeOf(json)
  if (httpStatus >= 500 || httpStatus === 408) {
    const sentence = `Telesign answered with a fault (HTTP ${httpStatus}); the message may have been sent.`
    return new ProviderError('outcome_unknown', sentence, code)
  }
  if (httpStatus === 429 && code !== '10020') {
    const wait = readRetryAfter(answer.retryAfter)
    return new ProviderError('throttled', 'Telesign is busy and did not take it.', code, wait)
  }
  if (code !== null && json !== null && !isSuccess(httpStatus, code)) {
    const failure = explainCode(code, descriptionOf(json))
    return new ProviderError(failure.kind, failure.message, code)
  }
  return translateBareStatus(httpStatus)
}

/** With HTTP 2xx only a code that we know as a failure is one. */
function isSuccess(httpStatus: number, code: string): boolean {
  return httpStatus < 300 && !failures.has(code) && !isOldCredentialCode(code)
}

function translateBareStatus(httpStatus: number): ProviderError {
  if (httpStatus < 300) {
    return new ProviderError(
      'outcome_unknown',
      'Telesign’s answer cannot be read; the message may have been sent.',
    )
  }
  if (httpStatus < 400) {
    const sentence = `Telesign answered with a redirect (HTTP ${httpStatus}). Check TELESIGN_API_URL.`
    return new ProviderError('misconfigured', sentence)
  }
  return httpStatus === 401 || httpStatus === 403
    ? new ProviderError('misconfigured', wrongSignature[1])
    : new ProviderError('rejected', `Telesign refused it (HTTP ${httpStatus}).`)
}
