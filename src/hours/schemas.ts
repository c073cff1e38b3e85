import { z } from 'zod'
import { id, name, time } from '../http/schemas.js'
import { timeZone } from '../identity/schemas.js'
import { inOrder, minutesOf, type Weekday, weekdays } from './schedule.js'

const mostIntervals = 10
const mostExceptions = 400
const mostHolidays = 100

const clockTime = (pattern: RegExp, example: string) =>
  z.string().regex(pattern, `Write a time as hours and minutes, for example "${example}".`)

const interval = z
  .strictObject({
    from: clockTime(/^([01]\d|2[0-3]):[0-5]\d$/, '08:00'),
    to: clockTime(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, '17:00').meta({
      description: 'Up to "24:00", the end of the day',
    }),
  })
  .refine(({ from, to }) => minutesOf(from) < minutesOf(to), {
    path: ['to'],
    error:
      'An interval ends after it begins, on the same day. For a night write two: until "24:00", and from "00:00" on the next day.',
  })

const intervals = z
  .array(interval)
  .max(mostIntervals)
  .refine(
    (all) => inOrder(all).every(({ from }, index, sorted) => from >= (sorted[index - 1]?.to ?? '00:00')),
    'The intervals of a day must not overlap.',
  )

const reason = z.string().trim().max(200)
const date = z.iso.date('Write a date of the calendar, for example "2026-12-25".')

const exception = z.strictObject({
  date,
  intervals: intervals.default([]).meta({ description: 'In place of the usual ones; none: closed' }),
  reason: reason.nullable().default(null),
})

const exceptions = z
  .array(exception)
  .max(mostExceptions)
  .refine(
    (all) => new Set(all.map((one) => one.date)).size === all.length,
    'There can be one exception for a date.',
  )
  .meta({ description: 'How single dates are, whatever weekday or holiday they are' })

const holidays = z
  .array(
    z.strictObject({ name, from: date, to: date }).refine(({ from, to }) => from <= to, {
      path: ['to'],
      error: 'A holiday ends on the day on which it begins, or later.',
    }),
  )
  .max(mostHolidays)
  .meta({ description: 'Closed from the first to the last date, both included' })

const eachDay = <Day extends z.ZodType>(day: Day) =>
  Object.fromEntries(weekdays.map((weekday) => [weekday, day])) as Record<Weekday, Day>

const workingDay = [{ from: '08:00', to: '17:00' }]
const workingWeek = Object.fromEntries(weekdays.slice(0, 5).map((weekday) => [weekday, workingDay]))

const weekly = z
  .strictObject(eachDay(intervals.default([])))
  .meta({ description: 'Open intervals of each weekday; a day without any is closed' })

const description = z.string().trim().max(500).nullable()

export const createHoursBody = z.strictObject({
  name,
  description: description.default(null),
  timeZone: timeZone
    .optional()
    .meta({ description: 'IANA time zone; that of the organization where absent' }),
  weekly: weekly.prefault(workingWeek),
  exceptions: exceptions.default([]),
  holidays: holidays.default([]),
})

export const changeHoursBody = z.strictObject({
  name: name.optional(),
  description: description.optional(),
  timeZone: timeZone.optional(),
  weekly: weekly.optional(),
  exceptions: exceptions.optional(),
  holidays: holidays.optional(),
})

const shownIntervals = z.array(z.object({ from: z.string(), to: z.string() }))
const shownHoliday = z.object({ name: z.string(), from: z.string(), to: z.string() })

export const hoursSchema = z
  .object({
    id,
    name: z.string(),
    description: z.string().nullable(),
    timeZone: z.string(),
    weekly: z.object(eachDay(shownIntervals)),
    exceptions: z.array(
      z.object({ date: z.string(), intervals: shownIntervals, reason: z.string().nullable() }),
    ),
    holidays: z.array(shownHoliday),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'OperatingHours' })

export const statusQuery = z.object({
  at: z.iso
    .datetime({ offset: true })
    .optional()
    .meta({ description: 'The moment that is asked about; now where absent' }),
})

export const hoursStatusSchema = z
  .object({
    at: time,
    open: z.boolean(),
    opensAt: time
      .nullable()
      .meta({ description: 'While closed: when it opens next; null if not within 400 days' }),
    closesAt: time
      .nullable()
      .meta({ description: 'While open: when it closes; null if not within 400 days' }),
    holiday: shownHoliday.nullable(),
  })
  .meta({ id: 'OperatingHoursStatus' })
