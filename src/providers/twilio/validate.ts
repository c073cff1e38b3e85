import type { CredentialCheck, NumberCheck } from '../provider.js'
import type { ProviderError } from '../provider-error.js'
import { type ClientFor, type TwilioCredentials, twilioCredentials } from './client.js'
import { translateReadError } from './errors.js'

/**
 * Reads the account itself. https://www.twilio.com/docs/iam/api/account#fetch-an-account-resource
 *
 * @throws ProviderError `unreachable` or `throttled`: nothing was learnt
 */
export async function checkTwilioCredentials(
  clientFor: ClientFor,
  credentials: TwilioCredentials,
): Promise<CredentialCheck> {
  const form = twilioCredentials.safeParse(credentials)
  if (!form.success) return wrong(form.error.issues.map((issue) => issue.message).join(' '), null)
  try {
    const account = await clientFor(credentials).api.v2010.accounts(credentials.accountSid).fetch()
    return judgeAccount(String(account.status), String(account.type))
  } catch (error) {
    return judgeRefusal(translateReadError(error))
  }
}

const wrong = (detail: string, providerCode: string | null): CredentialCheck => ({
  ok: false,
  code: 'wrong_credentials',
  detail,
  providerCode,
})

function judgeAccount(status: string, type: string): CredentialCheck {
  if (status !== 'active') {
    const detail = `The credentials are right, but the Twilio account is ${status.slice(0, 50)}. Reactivate it in the Twilio console.`
    return { ok: false, code: 'not_usable', detail, providerCode: null }
  }
  const trial = ' It is a trial account, which can write to verified numbers only.'
  const detail = `The Twilio account is active.${type === 'Trial' ? trial : ''}`
  return { ok: true, code: 'valid', detail, providerCode: null }
}

/** 20003 is also what a suspended account and a token of another account get, so the sentence names these. */
const wrongCodes: ReadonlySet<string | null> = new Set([null, '20003', '20404'])

function judgeRefusal(error: ProviderError): CredentialCheck {
  if (error.retryable) throw error
  if (error.kind === 'misconfigured' && wrongCodes.has(error.providerCode)) {
    return wrong(error.message, error.providerCode)
  }
  return { ok: false, code: 'not_usable', detail: error.message, providerCode: error.providerCode }
}

interface NumberToCheck {
  address: string
  channel: 'sms' | 'whatsapp'
  type: string | null
}

/** @throws ProviderError `unreachable` or `throttled`: nothing was learnt */
export async function checkTwilioNumber(
  clientFor: ClientFor,
  number: NumberToCheck,
  credentials: TwilioCredentials,
): Promise<NumberCheck> {
  try {
    if (number.channel === 'whatsapp') return await checkSender(clientFor, number.address, credentials)
    const isShortCode = number.type === 'short_code' || /^\d{3,8}$/.test(number.address)
    return isShortCode
      ? await checkShortCode(clientFor, number.address, credentials)
      : await checkPhoneNumber(clientFor, number.address, credentials)
  } catch (error) {
    const translated = translateReadError(error)
    if (translated.retryable) throw translated
    return { ok: false, code: 'not_checked', detail: translated.message }
  }
}

const valid = (detail: string): NumberCheck => ({ ok: true, code: 'valid', detail })

const notFound = (what: string, address: string): NumberCheck => ({
  ok: false,
  code: 'not_found',
  detail: `The Twilio account has no ${what} ${address}. Check the number, or buy or register it at Twilio.`,
})

/** The filter matches parts of numbers and wildcards, so each row is compared whole. */
async function checkPhoneNumber(
  clientFor: ClientFor,
  address: string,
  credentials: TwilioCredentials,
): Promise<NumberCheck> {
  const rows = await clientFor(credentials).incomingPhoneNumbers.list({ phoneNumber: address, limit: 100 })
  const row = rows.find(({ phoneNumber }) => phoneNumber === address)
  if (row === undefined) return notFound('phone number', address)
  if (row.capabilities?.sms === true)
    return valid(`${address} belongs to the Twilio account and can send SMS.`)
  const detail = `${address} belongs to the Twilio account but cannot send SMS. Use a number with the SMS capability.`
  return { ok: false, code: 'not_capable', detail }
}

async function checkShortCode(
  clientFor: ClientFor,
  address: string,
  credentials: TwilioCredentials,
): Promise<NumberCheck> {
  const rows = await clientFor(credentials).shortCodes.list({ shortCode: address, limit: 100 })
  const row = rows.find(({ shortCode }) => shortCode === address)
  return row === undefined
    ? notFound('short code', address)
    : valid(`The short code ${address} belongs to the Twilio account.`)
}

/** https://www.twilio.com/docs/whatsapp/api/senders */
async function checkSender(
  clientFor: ClientFor,
  address: string,
  credentials: TwilioCredentials,
): Promise<NumberCheck> {
  const senders = clientFor(credentials).messaging.v2.channelsSenders
  const rows = await senders.list({ channel: 'whatsapp', limit: 1000 })
  const row = rows.find(({ senderId }) => senderId === `whatsapp:${address}`)
  if (row === undefined) return notFound('WhatsApp sender', address)
  const status = String(row.status)
  if (status.startsWith('ONLINE')) return valid(`${address} is a WhatsApp sender of the Twilio account.`)
  const detail = `The WhatsApp sender ${address} is not online at Twilio (${status.slice(0, 50)}). Finish its registration there.`
  return { ok: false, code: 'not_capable', detail }
}
