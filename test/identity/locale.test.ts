import { describe, expect, it } from 'vitest'
import { isCountry, isTimeZone } from '../../src/identity/locale.js'

describe('time zones', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Asia/Kolkata'])('%s is one', (name) => {
    expect(isTimeZone(name)).toBe(true)
  })

  it.each(['', 'Mars/Olympus', '+02:00', 'Europe', 'Berlin/Europe', ' UTC'])('"%s" is none', (name) => {
    expect(isTimeZone(name)).toBe(false)
  })
})

describe('countries', () => {
  it.each(['US', 'DE', 'NZ', 'AQ'])('%s is one', (code) => {
    expect(isCountry(code)).toBe(true)
  })

  it.each(['', 'us', 'USA', 'ZZ', 'XA', 'EU', 'QQ', '12'])('"%s" is none', (code) => {
    expect(isCountry(code)).toBe(false)
  })
})
