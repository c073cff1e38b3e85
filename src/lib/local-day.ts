/** When the calendar day of `moment` began in this IANA time zone, daylight saving included. */
export function startOfDay(moment: Date, timeZone: string): Date {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  const day = parts.format(moment)
  // The day began at most 25 hours ago: halve the interval until its first millisecond is found
  let before = moment.getTime() - 26 * 3_600_000
  let within = moment.getTime()
  while (within - before > 1) {
    const middle = Math.floor((before + within) / 2)
    if (parts.format(new Date(middle)) === day) within = middle
    else before = middle
  }
  return new Date(within)
}

/** When the day after that of `moment` begins. A day has 23 to 25 hours, so 26 after its start it is the next one. */
export const endOfDay = (moment: Date, timeZone: string): Date =>
  startOfDay(new Date(startOfDay(moment, timeZone).getTime() + 26 * 3_600_000), timeZone)
