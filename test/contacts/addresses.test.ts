import { describe, expect, it } from 'vitest'
import { addressFault, doubtsAbout, storedAddress } from '../../src/contacts/addresses.js'

describe('an address of a contact', () => {
  it.each([
    ['sms', '+12065550100'],
    ['sms', '12065550100'],
    ['sms', '72345'],
    ['sms', 'ACME Bank'],
    ['whatsapp', '+12065550100'],
    ['whatsapp', 'whatsapp:+12065550100'],
    ['whatsapp', 'US.13491208655302741918'],
  ] as const)('on %s may be %s', (channel, address) => {
    expect(addressFault({ channel, address })).toBeNull()
  })

  it.each([
    ['sms', ''],
    ['sms', '+1 206 555 0100'],
    ['sms', '(206) 555-0100'],
    ['sms', '1234567890123456'],
    ['sms', 'US.13491208655302741918'],
    ['whatsapp', 'ACME'],
    ['whatsapp', '+1206x'],
  ] as const)('on %s is never "%s"', (channel, address) => {
    expect(addressFault({ channel, address })).toEqual(expect.any(String))
  })

  it.each([
    ['sms', '12065550100', '+12065550100'],
    ['sms', '72345', '72345'],
    ['whatsapp', 'whatsapp:+12065550100', '+12065550100'],
    ['whatsapp', 'US.13491208655302741918', 'US.13491208655302741918'],
  ] as const)('on %s, %s is stored as %s', (channel, address, stored) => {
    expect(storedAddress({ channel, address })).toEqual({ channel, address: stored })
  })

  it('is doubted only where it is a phone number that no network would know', () => {
    const addresses = [
      { channel: 'sms', address: '72345' },
      { channel: 'whatsapp', address: 'US.13491208655302741918' },
      { channel: 'whatsapp', address: '+999123' },
    ] as const

    expect(doubtsAbout('+12065550100', addresses)).toEqual([expect.stringContaining('+999123')])
  })
})
