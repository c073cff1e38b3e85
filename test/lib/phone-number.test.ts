import { describe, expect, it } from 'vitest'
import { canonicalAddress, maskPhone, parsePhoneInput, phoneFormat } from '../../src/lib/phone-number.js'

describe('a number that a person types', () => {
  it.each(['14252306549', '+14252306549'])('%s is kept as +14252306549 without a warning', (input) => {
    const read = parsePhoneInput(input)

    expect(read).toEqual({ ok: true, address: '+14252306549', warning: null })
  })

  it.each([
    '',
    '12',
    '1234567890123456',
    '1 425 230 6549',
    ' 14252306549',
    '14252306549\n',
    '(425) 2306549',
    '1-425-2306549',
    '++14252306549',
    '+',
    'CONTOSO',
    '１４２５２３０６５４９',
    'whatsapp:+14252306549',
  ])('%j is refused with the format that is wanted', (input) => {
    const read = parsePhoneInput(input)

    expect(read).toEqual({ ok: false, message: phoneFormat })
  })

  it.each(['123', '999999999999999', '+5215512345678', '00447911123456', '+4407911123456'])(
    '%s is implausible, so it is taken with a warning',
    (input) => {
      const read = parsePhoneInput(input)

      expect(read).toMatchObject({ ok: true, address: `+${input.replace('+', '')}` })
      expect(read.ok && read.warning).toContain(input.replace('+', ''))
    },
  )

  it('a number set aside for films is possible, so there is no warning', () => {
    const read = parsePhoneInput('15550001111')

    expect(read).toEqual({ ok: true, address: '+15550001111', warning: null })
  })

  it.each(['12345', '+12345'])('%s as a short code is kept as its digits', (input) => {
    const read = parsePhoneInput(input, { shortCode: true })

    expect(read).toEqual({ ok: true, address: '12345', warning: null })
  })

  it('a short code with eleven digits is taken as a phone number, with a warning', () => {
    const read = parsePhoneInput('14252306549', { shortCode: true })

    expect(read).toMatchObject({ ok: true, address: '+14252306549' })
    expect(read.ok && read.warning).toContain('longer than a short code')
  })
})

describe('an address that a provider names', () => {
  it.each([
    ['sms', '+15550001111', '+15550001111'],
    ['sms', '15550001111', '+15550001111'],
    ['sms', ' 15550001111', '+15550001111'],
    ['sms', '12345', '12345'],
    ['sms', '12345678', '12345678'],
    ['sms', '123456789', '+123456789'],
    ['sms', 'CONTOSO', 'CONTOSO'],
    ['whatsapp', 'whatsapp:+15550001111', '+15550001111'],
    ['whatsapp', '15550001111', '+15550001111'],
    ['whatsapp', '12345678', '+12345678'],
    ['whatsapp', 'WhatsApp:US.abc123', 'US.abc123'],
    ['whatsapp', 'whatsapp:US.ENT.abc123', 'US.ENT.abc123'],
  ] as const)('%s %s is stored as %s', (channel, raw, stored) => {
    const address = canonicalAddress(channel, raw)

    expect(address).toBe(stored)
  })
})

describe('an address in a log', () => {
  it.each([
    ['+14252306549', '********6549'],
    ['12345', '*2345'],
    ['1234', '****'],
    ['', ''],
  ])('%s is shown as %s', (address, shown) => {
    const masked = maskPhone(address)

    expect(masked).toBe(shown)
  })
})
