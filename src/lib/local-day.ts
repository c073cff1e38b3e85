import { Temporal } from 'temporal-polyfill'

/** When the calendar day of `moment` began in this IANA time zone, daylight saving included. */
export function startOfDay(moment: Date, timeZone: string): Date {
  const local = Temporal.Instant.fromEpochMilliseconds(moment.getTime()).toZonedDateTimeISO(timeZone)
  return new Date(local.startOfDay().epochMilliseconds)
}

/** When the day after that of `moment` begins. A day has 23 to 25 hours, so 26 after its start it is the next one. */
export const endOfDay = (moment: Date, timeZone: string): Date =>
  startOfDay(new Date(startOfDay(moment, timeZone).getTime() + 26 * 3_600_000), timeZone)
