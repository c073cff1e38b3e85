/**
 * How customers are addressed: by phone number, or on WhatsApp by a business-scoped id of those who hide their number,
 * or in an SMS by the letters that stand for a sender.
 */
import { canonicalAddress, parsePhoneInput, phoneFormat } from '../lib/phone-number.js'

export interface Address {
  channel: 'sms' | 'whatsapp'
  address: string
}

// providers.md A2: two letters of a country, a dot, up to 128 letters and digits
const businessScopedId = /^[A-Za-z]{2}\.[A-Za-z0-9]{1,128}$/
const letterSender = /^(?=.*[A-Za-z])[A-Za-z0-9 ._-]{1,11}$/

/** What is wrong with the form of an address, or null. */
export function addressFault({ channel, address }: Address): string | null {
  const written = withoutPrefix(address)
  if (parsePhoneInput(written).ok) return null
  if (channel === 'sms') return letterSender.test(written) ? null : phoneFormat
  return businessScopedId.test(written)
    ? null
    : `${phoneFormat} A WhatsApp user without a number has an id such as US.13491208655302741918.`
}

/** As it is stored and compared. */
export const storedAddress = ({ channel, address }: Address): Address => ({
  channel,
  address: canonicalAddress(channel, address),
})

/** Doubts about numbers that are taken although they look wrong, for people. */
export function doubtsAbout(mobilePhone: string | null, addresses: readonly Address[]): string[] {
  const phones = [
    ...(mobilePhone ? [mobilePhone] : []),
    ...addresses.filter(({ address }) => address.startsWith('+')).map(({ address }) => address),
  ]
  return [...new Set(phones)].flatMap((phone) => {
    const read = parsePhoneInput(phone)
    return read.ok && read.warning ? [read.warning] : []
  })
}

const withoutPrefix = (address: string): string => address.replace(/^whatsapp:/i, '')
