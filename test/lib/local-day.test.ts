import { expect, it } from 'vitest'
import { endOfDay, startOfDay } from '../../src/lib/local-day.js'

it.each([
  ['UTC', '2026-11-21T12:00:00.000Z', '2026-11-21T00:00:00.000Z', '2026-11-22T00:00:00.000Z'],
  // 23 and 25 hours long
  ['Europe/Berlin', '2026-03-29T10:00:00.000Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
  ['Europe/Berlin', '2026-10-25T10:00:00.000Z', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
  ['America/Los_Angeles', '2028-02-29T07:59:59.999Z', '2028-02-28T08:00:00.000Z', '2028-02-29T08:00:00.000Z'],
  ['Asia/Kolkata', '2026-12-31T18:30:00.000Z', '2026-12-31T18:30:00.000Z', '2027-01-01T18:30:00.000Z'],
])('the day in %s of %s', (timeZone, moment, start, end) => {
  expect(startOfDay(new Date(moment), timeZone).toISOString()).toBe(start)
  expect(endOfDay(new Date(moment), timeZone).toISOString()).toBe(end)
})
