import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hoursStatus, type Interval, type Schedule, type Weekly, weekdays } from '../../src/hours/schedule.js'

const hours = (...written: string[]): Interval[] =>
  written.map((one) => {
    const [from = '', to = ''] = one.split('-')
    return { from, to }
  })

const everyDay = (...written: string[]): Weekly =>
  Object.fromEntries(weekdays.map((day) => [day, hours(...written)])) as Weekly

const never = everyDay()

const schedule = (given: Partial<Schedule>): Schedule => ({
  timeZone: 'UTC',
  weekly: everyDay('08:00-17:00'),
  exceptions: [],
  holidays: [],
  ...given,
})

/** What is said at a moment, in short: "open, closes …" or "closed, opens …". */
function told(given: Partial<Schedule>, moment: string): string {
  const { open, opensAt, closesAt } = hoursStatus(schedule(given), new Date(moment))
  expect(open ? opensAt : closesAt).toBeNull()
  const iso = (open ? closesAt : opensAt)?.toISOString().replace('.000Z', 'Z') ?? 'never'
  return open ? `open until ${iso}` : `closed until ${iso}`
}

describe('a working day', () => {
  const day = { weekly: everyDay('08:00-12:00', '13:00-17:00') }
  it.each([
    ['2026-03-03T07:59:59.999Z', 'closed until 2026-03-03T08:00:00Z'],
    ['2026-03-03T08:00:00Z', 'open until 2026-03-03T12:00:00Z'],
    ['2026-03-03T11:59:59.999Z', 'open until 2026-03-03T12:00:00Z'],
    ['2026-03-03T12:00:00Z', 'closed until 2026-03-03T13:00:00Z'],
    ['2026-03-03T13:00:00Z', 'open until 2026-03-03T17:00:00Z'],
    ['2026-03-03T17:00:00Z', 'closed until 2026-03-04T08:00:00Z'],
    ['2026-03-03T23:59:59.999Z', 'closed until 2026-03-04T08:00:00Z'],
  ])('at %s is %s', (moment, expected) => {
    expect(told(day, moment)).toBe(expected)
  })

  it('without a schedule for the weekend goes on on Monday', () => {
    const weekly = { ...everyDay('08:00-17:00'), saturday: [], sunday: [] }

    expect(told({ weekly }, '2026-03-06T17:00:00Z')).toBe('closed until 2026-03-09T08:00:00Z')
  })
})

describe('midnight', () => {
  const night = {
    weekly: {
      ...never,
      friday: hours('18:00-24:00'),
      saturday: hours('00:00-02:00', '20:00-24:00'),
    },
  }
  it.each([
    // What goes on over midnight is one
    ['2026-03-06T18:00:00Z', 'open until 2026-03-07T02:00:00Z'],
    ['2026-03-07T00:00:00Z', 'open until 2026-03-07T02:00:00Z'],
    ['2026-03-07T02:00:00Z', 'closed until 2026-03-07T20:00:00Z'],
    ['2026-03-07T23:59:59.999Z', 'open until 2026-03-08T00:00:00Z'],
    ['2026-03-08T00:00:00Z', 'closed until 2026-03-13T18:00:00Z'],
  ])('at %s is %s', (moment, expected) => {
    expect(told(night, moment)).toBe(expected)
  })

  it('ends nothing where every day is whole', () => {
    expect(told({ weekly: everyDay('00:00-24:00') }, '2026-03-07T00:00:00Z')).toBe('open until never')
    expect(told({ weekly: never }, '2026-03-07T00:00:00Z')).toBe('closed until never')
  })

  it('is that of the schedule’s time zone', () => {
    const given = { timeZone: 'Pacific/Auckland', weekly: { ...never, sunday: hours('00:00-24:00') } }

    expect(told(given, '2026-07-18T11:59:59Z')).toBe('closed until 2026-07-18T12:00:00Z')
    expect(told(given, '2026-07-18T12:00:00Z')).toBe('open until 2026-07-19T12:00:00Z')
  })
})

describe('daylight saving in spring', () => {
  it.each([
    // 02:00 to 03:00 is skipped
    ['America/New_York', '08:00-17:00', '2026-03-07T22:00:00Z', 'closed until 2026-03-08T12:00:00Z'],
    ['America/New_York', '08:00-17:00', '2026-03-08T12:00:00Z', 'open until 2026-03-08T21:00:00Z'],
    ['America/New_York', '00:00-02:30', '2026-03-08T06:59:59Z', 'open until 2026-03-08T07:00:00Z'],
    ['America/New_York', '02:30-04:00', '2026-03-08T06:59:59Z', 'closed until 2026-03-08T07:00:00Z'],
    ['America/New_York', '02:00-02:45', '2026-03-08T06:59:59Z', 'closed until 2026-03-09T06:00:00Z'],
    ['America/New_York', '00:00-24:00', '2026-03-08T06:59:59Z', 'open until never'],
    ['Europe/Berlin', '08:00-17:00', '2026-03-29T05:59:59Z', 'closed until 2026-03-29T06:00:00Z'],
    ['Europe/Berlin', '01:30-02:30', '2026-03-29T00:30:00Z', 'open until 2026-03-29T01:00:00Z'],
    ['Europe/Berlin', '02:15-03:15', '2026-03-29T00:59:59Z', 'closed until 2026-03-29T01:00:00Z'],
    ['Europe/Berlin', '02:15-03:15', '2026-03-29T01:00:00Z', 'open until 2026-03-29T01:15:00Z'],
    // Half an hour is skipped
    ['Australia/Lord_Howe', '02:15-04:00', '2026-10-03T15:29:59Z', 'closed until 2026-10-03T15:30:00Z'],
    ['Australia/Lord_Howe', '08:00-17:00', '2026-10-03T20:00:00Z', 'closed until 2026-10-03T21:00:00Z'],
    // The day begins at 01:00
    ['America/Santiago', '00:00-24:00', '2026-09-06T04:00:00Z', 'open until never'],
    ['America/Santiago', '00:00-01:00', '2026-09-06T03:59:59Z', 'closed until 2026-09-07T03:00:00Z'],
    ['America/Santiago', '00:30-03:00', '2026-09-06T03:59:59Z', 'closed until 2026-09-06T04:00:00Z'],
  ])('%s, %s, at %s is %s', (timeZone, written, moment, expected) => {
    expect(told({ timeZone, weekly: everyDay(written) }, moment)).toBe(expected)
  })
})

describe('daylight saving in autumn', () => {
  it.each([
    // 01:00 to 02:00 comes twice
    ['America/New_York', '08:00-17:00', '2026-10-31T21:00:00Z', 'closed until 2026-11-01T13:00:00Z'],
    ['America/New_York', '08:00-17:00', '2026-11-01T13:00:00Z', 'open until 2026-11-01T22:00:00Z'],
    ['America/New_York', '00:00-01:30', '2026-11-01T05:29:59Z', 'open until 2026-11-01T05:30:00Z'],
    ['America/New_York', '00:00-01:30', '2026-11-01T06:15:00Z', 'closed until 2026-11-02T05:00:00Z'],
    ['America/New_York', '01:30-03:00', '2026-11-01T05:29:59Z', 'closed until 2026-11-01T05:30:00Z'],
    ['America/New_York', '01:30-03:00', '2026-11-01T06:15:00Z', 'open until 2026-11-01T08:00:00Z'],
    ['Europe/Berlin', '08:00-17:00', '2026-10-25T06:59:59Z', 'closed until 2026-10-25T07:00:00Z'],
    ['Europe/Berlin', '02:30-03:00', '2026-10-25T00:30:00Z', 'open until 2026-10-25T02:00:00Z'],
    ['Europe/Berlin', '00:00-24:00', '2026-10-25T01:30:00Z', 'open until never'],
    ['Australia/Lord_Howe', '01:00-01:45', '2026-04-04T14:44:00Z', 'open until 2026-04-04T14:45:00Z'],
    ['Australia/Lord_Howe', '01:00-01:45', '2026-04-04T15:10:00Z', 'closed until 2026-04-05T14:30:00Z'],
    // 23:00 to 24:00 comes twice
    ['America/Santiago', '08:00-24:00', '2026-04-05T02:59:59Z', 'open until 2026-04-05T04:00:00Z'],
    ['America/Santiago', '08:00-24:00', '2026-04-05T04:00:00Z', 'closed until 2026-04-05T12:00:00Z'],
  ])('%s, %s, at %s is %s', (timeZone, written, moment, expected) => {
    expect(told({ timeZone, weekly: everyDay(written) }, moment)).toBe(expected)
  })
})

describe('the leap day', () => {
  it('is a weekday like any other', () => {
    const weekly = { ...never, tuesday: hours('09:00-10:00') }

    expect(told({ weekly }, '2028-02-28T12:00:00Z')).toBe('closed until 2028-02-29T09:00:00Z')
    expect(told({ weekly }, '2028-02-29T10:00:00Z')).toBe('closed until 2028-03-07T09:00:00Z')
  })

  it('can be an exception', () => {
    const exceptions = [{ date: '2028-02-29', intervals: hours('09:00-10:00'), reason: null }]

    expect(told({ weekly: never, exceptions }, '2028-02-28T23:00:00Z')).toBe(
      'closed until 2028-02-29T09:00:00Z',
    )
  })
})

describe('a holiday', () => {
  const christmas = { name: 'Christmas', from: '2026-12-25', to: '2026-12-26' }
  const given = { timeZone: 'Europe/Berlin', holidays: [christmas] }

  it.each([
    ['2026-12-24T15:59:59Z', 'open until 2026-12-24T16:00:00Z', null],
    ['2026-12-24T22:59:59Z', 'closed until 2026-12-27T07:00:00Z', null],
    ['2026-12-24T23:00:00Z', 'closed until 2026-12-27T07:00:00Z', christmas],
    ['2026-12-25T12:00:00Z', 'closed until 2026-12-27T07:00:00Z', christmas],
    ['2026-12-26T22:59:59Z', 'closed until 2026-12-27T07:00:00Z', christmas],
    ['2026-12-26T23:00:00Z', 'closed until 2026-12-27T07:00:00Z', null],
  ])('from the first date to the last: at %s it is %s', (moment, expected, holiday) => {
    expect(told(given, moment)).toBe(expected)
    expect(hoursStatus(schedule(given), new Date(moment)).holiday).toEqual(holiday)
  })

  it('ends at midnight what would have gone on', () => {
    const weekly = everyDay('00:00-24:00')

    expect(told({ weekly, holidays: [christmas] }, '2026-12-20T12:00:00Z')).toBe(
      'open until 2026-12-25T00:00:00Z',
    )
    expect(told({ weekly, holidays: [christmas] }, '2026-12-25T00:00:00Z')).toBe(
      'closed until 2026-12-27T00:00:00Z',
    )
  })

  it('gives way to an exception for its date', () => {
    const exceptions = [{ date: '2026-12-26', intervals: hours('10:00-12:00'), reason: 'Sale' }]
    const both = { holidays: [christmas], exceptions }

    expect(told(both, '2026-12-25T12:00:00Z')).toBe('closed until 2026-12-26T10:00:00Z')
    expect(told(both, '2026-12-26T10:00:00Z')).toBe('open until 2026-12-26T12:00:00Z')
    expect(hoursStatus(schedule(both), new Date('2026-12-26T09:00:00Z')).holiday).toBeNull()
  })

  it('longer than 400 days leaves the next opening unsaid', () => {
    const holidays = [{ name: 'Sabbatical', from: '2026-01-01', to: '2027-12-31' }]

    expect(told({ holidays }, '2026-01-01T00:00:00Z')).toBe('closed until never')
    expect(told({ holidays }, '2026-12-01T00:00:00Z')).toBe('closed until 2028-01-01T08:00:00Z')
  })
})

describe('an exception', () => {
  it('takes the place of all intervals of its weekday, or closes the day', () => {
    const exceptions = [
      { date: '2026-03-03', intervals: hours('10:00-11:00'), reason: null },
      { date: '2026-03-04', intervals: [], reason: 'Inventory' },
    ]

    expect(told({ exceptions }, '2026-03-03T08:30:00Z')).toBe('closed until 2026-03-03T10:00:00Z')
    expect(told({ exceptions }, '2026-03-03T11:00:00Z')).toBe('closed until 2026-03-05T08:00:00Z')
  })
})

describe('whatever the schedule, the zone and the moment', () => {
  const time = fc.integer({ min: 0, max: 48 }).map((half) => half * 30)
  const written = (minutes: number) =>
    `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
  const day = fc
    .uniqueArray(time, { minLength: 0, maxLength: 6 })
    .map((times) => times.toSorted((a, b) => a - b))
    .map((times) =>
      times.flatMap((from, index) => {
        const to = times[index + 1]
        return index % 2 === 0 && to !== undefined ? [{ from: written(from), to: written(to) }] : []
      }),
    )
  const weekly = fc
    .tuple(day, day, day, day, day, day, day)
    .map((days) => Object.fromEntries(weekdays.map((name, index) => [name, days[index]])) as Weekly)
  const timeZone = fc.constantFrom(
    'America/New_York',
    'Europe/Berlin',
    'Australia/Lord_Howe',
    'America/Santiago',
  )
  const moment = fc.date({
    min: new Date('2026-01-01'),
    max: new Date('2026-12-31'),
    noInvalidDate: true,
  })

  it('what is said to change then, changes then and not before', () => {
    fc.assert(
      fc.property(weekly, timeZone, moment, (days, zone, at) => {
        const given = schedule({ weekly: days, timeZone: zone })
        const now = hoursStatus(given, at)
        const change = now.open ? now.closesAt : now.opensAt
        if (!change) return
        const between = new Date((at.getTime() + change.getTime()) / 2)

        expect(hoursStatus(given, change).open).toBe(!now.open)
        expect(hoursStatus(given, new Date(change.getTime() - 1))).toEqual(now)
        expect(hoursStatus(given, between)).toEqual(now)
      }),
      { numRuns: 300 },
    )
  })
})
