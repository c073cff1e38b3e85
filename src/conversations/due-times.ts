import type { Conversation } from '../db/generated/client.js'
import { later, minutes } from '../lib/clock.js'
import type { ClosingTimes } from '../workstreams/closing-times.js'

/** When conversations close by themselves: those that wait by their workstream, others by their channel. */
export interface ClosingTerms extends ClosingTimes {
  autoCloseAfterMinutes: number
}

const activityStep = minutes(10)

/** The last message's time as coarse as lists by activity are indexed; the database checks that it is. */
export const activeAt = (lastMessageAt: Date): Date =>
  new Date(Math.floor(lastMessageAt.getTime() / activityStep) * activityStep)

/** When it closes by itself: waiting by its workstream, otherwise by its channel (domain.md 2.4). */
export function closesAt(status: Conversation['status'], terms: ClosingTerms, now: Date): Date | null {
  switch (status) {
    case 'open':
      return later(now, minutes(terms.openMinutes))
    case 'active':
      return later(now, minutes(terms.activeMinutes))
    case 'waiting':
      return later(now, minutes(terms.autoCloseAfterMinutes))
    case 'wrap_up':
      return later(now, minutes(terms.wrapUpMinutes))
    default:
      return null
  }
}

/** Where wrap-up blocks capacity for longer than it would take to close, it closes when the block is over (domain.md 2.4). */
export const notBeforeBlock = ({
  closesAt,
  releaseUnitsAt,
}: Pick<Conversation, 'closesAt' | 'releaseUnitsAt'>): Date | null =>
  closesAt && releaseUnitsAt && releaseUnitsAt > closesAt ? releaseUnitsAt : closesAt

/** Monitoring and consulting begin the time anew, but of what waits (domain.md 2.4). */
export function restartClosing(row: Conversation, terms: ClosingTerms, now: Date): void {
  if (row.status === 'waiting' || row.status === 'closed') return
  row.closesAt = closesAt(row.status, terms, now)
  row.closesAt = notBeforeBlock(row)
}

/** When it will have waited too long in its queue; an offer that comes back has waited all the while. */
export function overflowAt({
  status,
  queuedAt,
  overflowAfterMinutes,
}: Pick<Conversation, 'status' | 'queuedAt' | 'overflowAfterMinutes'>): Date | null {
  if (status !== 'open' || !queuedAt || overflowAfterMinutes === null) return null
  return later(queuedAt, minutes(overflowAfterMinutes))
}

/** The earliest moment at which something must happen by itself. */
export function dueAt(
  conversation: Pick<
    Conversation,
    | 'offerExpiresAt'
    | 'transferExpiresAt'
    | 'invitationsExpireAt'
    | 'closesAt'
    | 'releaseUnitsAt'
    | 'timeoutAt'
  >,
): Date | null {
  const { offerExpiresAt, transferExpiresAt, invitationsExpireAt, closesAt, releaseUnitsAt, timeoutAt } =
    conversation
  const moments = [
    ...[offerExpiresAt, transferExpiresAt, invitationsExpireAt],
    ...[closesAt, releaseUnitsAt, timeoutAt],
  ]
  const times = moments.flatMap((moment) => (moment ? [moment.getTime()] : []))
  return times.length > 0 ? new Date(Math.min(...times)) : null
}
