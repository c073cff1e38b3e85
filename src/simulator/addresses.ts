import type { Channel } from './state.js'

const businessScopedId = /^[A-Z]{2}\.[A-Za-z0-9.]{1,132}$/

/**
 * One spelling per address: E.164 with a plus, a short code (3 to 6 digits) as digits, anything else as given.
 * A leading blank is a plus that form decoding swallowed (`curl -d from=+1206…`).
 */
export function canonicalAddress(given: string): string {
  const bare = given.trim().replace(/^whatsapp:\s*/i, '')
  if (/^\+?\d{7,15}$/.test(bare)) return `+${bare.replace('+', '')}`
  if (/^\+\d{1,6}$/.test(bare)) return bare.slice(1)
  return bare
}

export function isPhoneNumber(address: string): boolean {
  return /^\+\d{7,15}$/.test(address)
}

/** WhatsApp users who hide their number: `CC.<alphanumerics>`. https://www.twilio.com/docs/whatsapp/key-concepts */
export function isBusinessScopedId(address: string): boolean {
  return businessScopedId.test(address)
}

/** As Twilio writes it in From and To. */
export function twilioAddress(address: string, channel: Channel): string {
  return channel === 'whatsapp' ? `whatsapp:${address}` : address
}

/** As Telesign writes it: digits with the country code, no plus. */
export function telesignAddress(address: string): string {
  return address.replace(/^\+/, '')
}
