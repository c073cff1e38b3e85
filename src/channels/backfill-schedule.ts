import type { ChannelAccount } from '../db/generated/client.js'
import { days, hours, later, minutes, seconds } from '../lib/clock.js'

/** A call by which the provider brings a message is over by then, so what is older and unknown has not come by itself. */
const grace = seconds(5)
/** The provider's list shows a message late, and its clock is not ours. */
const overlap = minutes(10)
const clockTolerance = seconds(5)
const firstRetry = minutes(1)
const longestRetry = hours(1)

/** How far back: callbacks are kept so long (jobs/retention.ts), and by them we know what has come. */
export const farthestBack = days(30)
/** Also while nobody was away a callback can be lost: PostgreSQL was, or a wrong URL stood at the provider. */
export const readEvery = minutes(15)

/** The first reading after a start: what came before it is older than the grace then. */
export const firstReading = (startedAt: Date): Date => later(startedAt, grace)

type Read = Pick<ChannelAccount, 'backfilledUntil' | 'createdAt'>

/** What of the list is compared now: from the last comparison on, at first from the account's creation. */
export function spanToRead({ backfilledUntil, createdAt }: Read, now: Date): { since: Date; until: Date } {
  const from = backfilledUntil ? later(backfilledUntil, -overlap) : later(createdAt, -clockTolerance)
  return { since: wholeSecond(latest(from, later(now, -farthestBack))), until: later(now, -grace) }
}

/** Before a number was ours, its messages were somebody else's to answer. */
export const ownSince = (number: { createdAt: Date }): Date =>
  wholeSecond(later(number.createdAt, -clockTolerance))

/** Now by a clock that is a little ahead of ours. */
export const latestBy = (now: Date): Date => later(now, minutes(1))

export const retryAt = (failures: number, now: Date): Date =>
  later(now, Math.min(firstRetry * 2 ** (failures - 1), longestRetry))

/** Providers' times have no fractions. */
export const wholeSecond = (at: Date): Date => new Date(Math.floor(at.getTime() / 1000) * 1000)

const latest = (a: Date, b: Date): Date => (a > b ? a : b)
