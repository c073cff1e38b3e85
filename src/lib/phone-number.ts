import { parsePhoneNumberFromString } from 'libphonenumber-js'

/**
 * How addresses are written. A phone number is stored in E.164 with its plus; a short code as its digits alone;
 * anything else (alphanumeric sender, business-scoped WhatsApp id) as the provider wrote it, without `whatsapp:`.
 *
 * Digits without a plus are ambiguous up to eight of them. They are a short code only where the caller says so, or
 * where they come from a provider in an SMS: numbers that short with their country code exist only on a few islands,
 * short codes are everyday.
 */

type PhoneInput = { ok: true; address: string; warning: string | null } | { ok: false; message: string }

const shortCode = /^\d{3,8}$/
const phoneDigits = /^\+?\d{3,15}$/

export const phoneFormat =
  'Write 3 to 15 digits with the country code first and nothing else, for example 14252306549 or +14252306549. Blanks, letters and other characters are not allowed.'

/**
 * Reads a number that a person typed. Only the form can be wrong; a number that no telephone network would know is
 * taken with a warning, because numbering plans change faster than the tables of any library.
 *
 * @param options.shortCode the caller knows that this is a short code
 */
export function parsePhoneInput(input: string, options: { shortCode?: boolean } = {}): PhoneInput {
  if (!phoneDigits.test(input)) return { ok: false, message: phoneFormat }
  const digits = input.startsWith('+') ? input.slice(1) : input
  if (options.shortCode !== true) return { ok: true, address: `+${digits}`, warning: doubt(digits) }
  if (shortCode.test(digits)) return { ok: true, address: digits, warning: null }
  return {
    ok: true,
    address: `+${digits}`,
    warning: `${digits} is longer than a short code (3 to 8 digits), so it is kept as the phone number +${digits}. Check its type.`,
  }
}

function doubt(digits: string): string | null {
  const parsed = parsePhoneNumberFromString(`+${digits}`)
  if (parsed?.isPossible() !== true) {
    const hint = shortCode.test(digits) ? ' If it is a short code, give it the type short_code.' : ''
    return `+${digits} does not look like a phone number: check the country code and the number of digits.${hint}`
  }
  if (parsed.number === `+${digits}`) return null
  return `+${digits} is usually written ${parsed.number}: check it for a superfluous zero.`
}

/**
 * The stored form of an address that a provider named.
 *
 * @param raw E.164, digits without plus, short code, alphanumeric sender or business-scoped id; `whatsapp:` is dropped
 */
export function canonicalAddress(channel: 'sms' | 'whatsapp', raw: string): string {
  const address = raw.replace(/^\s*whatsapp:/i, '').trim()
  if (!/^\d{3,15}$/.test(address)) return address
  return channel === 'sms' && shortCode.test(address) ? address : `+${address}`
}

/** For logs: everything but the last four characters is hidden, and all of an address that has no more. */
export function maskPhone(address: string): string {
  const shown = address.length > 4 ? address.slice(-4) : ''
  return '*'.repeat(address.length - shown.length) + shown
}
