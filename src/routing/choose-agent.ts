/**
 * Who is offered a conversation (domain.md 5.5): the agent who had it last, if it returns and its workstream keeps the
 * same agent; otherwise the available member of its queue with the most free capacity, the longest unassigned first. A
 * reject and an unanswered offer both count as a decline: not the same agent again within 60 seconds (nor whoever gave it
 * back by going offline or releasing it), those who have declined come after those who have not, and after three declines
 * never again by itself.
 */
import { later, seconds } from '../lib/clock.js'

export interface Candidate {
  agentId: string
  queueIds: ReadonlySet<string>
  freeUnits: number
  /** Free places by capacity profile */
  places: ReadonlyMap<string, number>
  lastAssignedAt: Date | null
}

export interface Declines {
  /** 0 where the agent only gave it back */
  count: number
  lastAt: Date
}

export interface Item {
  queueId: string
  units: number
  /** Of each of these it takes a place, instead of units */
  profileIds: readonly string[]
  /** The agent to return to, if they can take it */
  lastAgentId: string | null
  declines: ReadonlyMap<string, Declines>
}

export type Choice =
  | { kind: 'assigned'; agentId: string }
  | { kind: 'queued'; reason: 'nobody_free' | 'all_declined' }

const declineLimit = 3
const declinePause = seconds(60)

export function chooseAgent(item: Item, candidates: readonly Candidate[], now: Date): Choice {
  const free = candidates.filter(
    (candidate) => candidate.queueIds.has(item.queueId) && freeFor(item, candidate) >= need(item),
  )
  if (free.length === 0) return { kind: 'queued', reason: 'nobody_free' }
  const willing = free.filter(({ agentId }) => mayBeAsked(item.declines.get(agentId), now))
  const last = willing.find(({ agentId }) => agentId === item.lastAgentId)
  const chosen =
    last ??
    willing.reduce<Candidate | null>((best, one) => (best && !isBefore(item, one, best) ? best : one), null)
  return chosen ? { kind: 'assigned', agentId: chosen.agentId } : { kind: 'queued', reason: 'all_declined' }
}

/** How much of what the item takes an agent has free: units, or places of the fullest of its profiles. */
const freeFor = ({ profileIds }: Item, { freeUnits, places }: Candidate): number =>
  profileIds.length === 0 ? freeUnits : Math.min(...profileIds.map((id) => places.get(id) ?? 0))

const need = ({ units, profileIds }: Item): number => (profileIds.length === 0 ? units : 1)

function mayBeAsked(declines: Declines | undefined, now: Date): boolean {
  if (!declines) return true
  return declines.count < declineLimit && later(declines.lastAt, declinePause) <= now
}

function isBefore(item: Item, left: Candidate, right: Candidate): boolean {
  const { declines } = item
  const declined = (candidate: Candidate) => declines.get(candidate.agentId)?.count ?? 0
  const assigned = (candidate: Candidate) => candidate.lastAssignedAt?.getTime() ?? 0
  const order =
    declined(left) - declined(right) ||
    freeFor(item, right) - freeFor(item, left) ||
    assigned(left) - assigned(right)
  return order < 0
}
