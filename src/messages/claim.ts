import type { AccountSecrets } from '../channels/account-secrets.js'
import { saveNextSends } from '../channels/number-repository.js'
import type { Database, OrgTx } from '../db/database.js'
import type { Message } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import { type Clock, later } from '../lib/clock.js'
import { announceDeliveries } from './announce-deliveries.js'
import { type CallLimits, freePlaces, hardlyAny } from './call-places.js'
import { type Dispatch, findMeans, prepare, whyNot } from './dispatch.js'
import type { MediaLinks } from './media-links.js'
import { freeSlots, nextSendAfter } from './number-pace.js'
import { answerLost, findLines, findNextSlot, type Line, takeSendable } from './outbox-repository.js'
import { saveDeliveries } from './repository.js'
import { failMessage } from './send-outcomes.js'

export interface ClaimParts {
  db: Database
  clock: Clock
  secrets: AccountSecrets
  links: MediaLinks
}

/** What the process that claims has under way for the organization. */
export interface Room {
  /** Calls under way */
  calls: number
  limits: CallLimits
  /** The number whose line was served last: the others come first */
  after: string
}

export interface Claim {
  /** How many messages were due and had a place */
  found: number
  dispatches: Dispatch[]
  /** The number whose line was served last */
  after: string
  /** Whether there may be more to claim at once */
  isMore: boolean
  /** When a number that has a line gets its next slot; null where none waits for one, or there is more at once */
  nextSlotAt: Date | null
}

/** One claim at a time in an organization: what it finds free is not given to another. */
const lock = 'sending'
/** Lines are looked at in such numbers at least: some may have nothing that can be taken. */
const fewestLines = 16

/**
 * Marks what is due as "sending", at the pace of each number and within the limits on calls. What may not leave any more
 * fails here, before any call.
 */
export function claimDue(parts: ClaimParts, orgId: string, room: Room, take: Take): Promise<Claim> {
  return parts.db.inOrg({ orgId, lock }, async (tx) => {
    const now = parts.clock.now()
    const { lines, due, ...served } = await findDue(tx, room, take, now)
    if (due.length === 0)
      return { ...served, found: 0, dispatches: [], nextSlotAt: await findNextSlot(tx, now) }
    take.took(due.map(({ id }) => id))
    const means = await findMeans(tx, parts, due)
    const refused: Message[] = []
    const accepted: Message[] = []
    for (const message of due) {
      const refusal = whyNot(message, means, now)
      if (refusal) refused.push(failMessage(message, refusal))
      else accepted.push(markSending(message, now))
    }
    const isMore = served.isMore || refused.length > 0
    const [nextSlotAt] = await Promise.all([
      saveDeliveries(tx, [...refused, ...accepted]).then(() => (isMore ? null : findNextSlot(tx, now))),
      saveNextSends(tx, nextSends(lines, accepted, now)),
      announceDeliveries(tx, refused, now),
    ])
    return { ...served, found: due.length, dispatches: prepare(accepted, means), isMore, nextSlotAt }
  })
}

/** What is due, of numbers with a free slot and as far as there are places, and whether the search was cut short. */
async function findDue(tx: OrgTx, room: Room, { limit, except }: Take, now: Date) {
  const { each, together, kept } = room.limits
  const fullAt = room.calls < together - kept ? each : hardlyAny
  const mostLines = Math.max(limit, fewestLines)
  const lines = await findLines(tx, { now, after: room.after, fullAt, limit: mostLines })
  const slots = lines.map((line) => ({ numberId: line.numberId, slots: freeSlots(line, now) }))
  const found = await takeSendable(tx, now, { lines: slots, limit, except })
  const due = withinPlaces(found, lines, room)
  const last = found.length === limit ? found.at(-1) : lines.at(-1)
  return {
    lines,
    due,
    after: last?.numberId ?? room.after,
    isMore: due.length > 0 && (found.length === limit || lines.length === mostLines),
  }
}

/** As many as their accounts, and all together, have places for. */
function withinPlaces(found: readonly Message[], lines: readonly Line[], { calls, limits }: Room): Message[] {
  const underWay = new Map(lines.map((line) => [line.accountId, line.calls]))
  const due: Message[] = []
  for (const message of found) {
    const own = underWay.get(message.accountId) ?? 0
    if (freePlaces(own, calls + due.length, limits) === 0) continue
    underWay.set(message.accountId, own + 1)
    due.push(message)
  }
  return due
}

function markSending(message: Message, now: Date): Message {
  return {
    ...message,
    status: 'sending',
    sendingAt: now,
    attempts: message.attempts + 1,
    dueAt: later(now, answerLost),
  }
}

function nextSends(lines: readonly Line[], accepted: readonly Message[], now: Date): Map<string, Date> {
  const sent = new Map<string | null, number>()
  for (const { numberId } of accepted) sent.set(numberId, (sent.get(numberId) ?? 0) + 1)
  return new Map(
    lines.flatMap((line) => {
      const count = sent.get(line.numberId)
      return count ? [[line.numberId, nextSendAfter(line, count, now)] as const] : []
    }),
  )
}
