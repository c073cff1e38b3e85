import { Temporal } from 'temporal-polyfill'

/**
 * When a team is open. A day has the intervals of its exception if there is one for its date, none if it is a holiday, and
 * otherwise those of its weekday. All times are of the clock on the wall in the schedule's time zone. A time that the
 * clock skips in spring counts as the moment of the change, one that it shows twice in autumn as the first time.
 */
export interface Schedule {
  /** IANA */
  timeZone: string
  weekly: Weekly
  exceptions: Exception[]
  holidays: Holiday[]
}

/** From and to as "HH:MM"; to may be "24:00". Within one day. */
export interface Interval {
  from: string
  to: string
}

export const weekdays = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const
export type Weekday = (typeof weekdays)[number]

export type Weekly = Record<Weekday, Interval[]>

/** How one date is, whatever weekday or holiday it is; without intervals it is closed. */
export interface Exception {
  date: string
  intervals: Interval[]
  reason: string | null
}

/** Closed from the first to the last date, both included. */
export interface Holiday {
  name: string
  from: string
  to: string
}

export interface HoursStatus {
  open: boolean
  /** While closed: when it opens next; null where that is not within the next 400 days */
  opensAt: Date | null
  /** While open: when it closes; null where that is not within the next 400 days */
  closesAt: Date | null
  /** The holiday that this date is */
  holiday: Holiday | null
}

const horizonDays = 400
const dayMinutes = 24 * 60

/** Minutes since the beginning of the first day, by the clock on the wall. */
interface Span {
  from: number
  to: number
}

/** Whether it is open at this moment, and when that changes. */
export function hoursStatus(schedule: Schedule, moment: Date): HoursStatus {
  const { timeZone } = schedule
  const local = Temporal.Instant.fromEpochMilliseconds(moment.getTime()).toZonedDateTimeISO(timeZone)
  const today = local.toPlainDate()
  const holiday = holidayOn(schedule, today.toString())
  const instant = (minutes: number) => instantOf(today, minutes, timeZone)
  for (const span of spansFrom(schedule, today)) {
    const [from, to] = [instant(span.from), instant(span.to)]
    // Over, or in the hour that the clock skips
    if (to <= moment || from >= to) continue
    const closesAt = span.to < horizonDays * dayMinutes ? to : null
    return from <= moment
      ? { open: true, opensAt: null, closesAt, holiday }
      : { open: false, opensAt: from, closesAt: null, holiday }
  }
  return { open: false, opensAt: null, closesAt: null, holiday }
}

/** Open times from this day on, in order. What goes on over midnight is one. */
function* spansFrom(schedule: Schedule, today: Temporal.PlainDate): Generator<Span> {
  let current: Span | null = null
  for (const [day, intervals] of daysFrom(schedule, today)) {
    for (const interval of intervals) {
      const span = {
        from: day * dayMinutes + minutesOf(interval.from),
        to: day * dayMinutes + minutesOf(interval.to),
      }
      if (current && span.from <= current.to) current.to = Math.max(current.to, span.to)
      else {
        if (current) yield current
        current = span
      }
    }
  }
  if (current) yield current
}

function* daysFrom(schedule: Schedule, today: Temporal.PlainDate): Generator<[number, Interval[]]> {
  const exceptions = new Map(schedule.exceptions.map(({ date, intervals }) => [date, intervals]))
  for (let day = 0; day < horizonDays; day++) {
    const date = today.add({ days: day })
    const written = date.toString()
    const weekday = weekdays[date.dayOfWeek - 1] ?? 'monday'
    const usual = holidayOn(schedule, written) ? [] : schedule.weekly[weekday]
    yield [day, inOrder(exceptions.get(written) ?? usual)]
  }
}

function holidayOn({ holidays, exceptions }: Schedule, date: string): Holiday | null {
  if (exceptions.some((exception) => exception.date === date)) return null
  return holidays.find(({ from, to }) => from <= date && date <= to) ?? null
}

export const inOrder = (intervals: readonly Interval[]): Interval[] =>
  intervals.toSorted((a, b) => minutesOf(a.from) - minutesOf(b.from))

export function minutesOf(time: string): number {
  const [hours, minutes] = time.split(':')
  return Number(hours) * 60 + Number(minutes)
}

/** The first moment at which the clock on the wall shows this time or a later one. */
function instantOf(today: Temporal.PlainDate, minutes: number, timeZone: string): Date {
  const wanted = today.toPlainDateTime().add({ minutes })
  const found = wanted.toZonedDateTime(timeZone, { disambiguation: 'earlier' })
  const isSkipped = !found.toPlainDateTime().equals(wanted)
  const first = isSkipped ? (found.getTimeZoneTransition('next') ?? found) : found
  return new Date(first.epochMilliseconds)
}
