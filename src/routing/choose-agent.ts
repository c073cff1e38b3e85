/**
 * Who of those whom nothing rules out is offered a conversation (domain.md 5.5): the agent who had it last, if it returns
 * and its workstream keeps the same agent; otherwise those who have declined it less often first, then its preferred agents,
 * and among the others by the method of its queue.
 */
import { type Candidate, type Demand, freeFor, type Refusals, ruledOutBy, shortfall } from './rule-out.js'

export type AssignmentMethod = 'highest_capacity' | 'round_robin' | 'least_active'

export interface Item {
  demand: Demand
  method: AssignmentMethod
  /** The agent to return to, if they can take it */
  lastAgentId: string | null
  refusals: Refusals
}

/** Null where everybody is ruled out. */
export function chooseAgent(item: Item, candidates: Iterable<Candidate>, now: Date): Candidate | null {
  const order = (one: Candidate, other: Candidate): number =>
    declinesOf(item, one) - declinesOf(item, other) ||
    preference(item, one) - preference(item, other) ||
    distance(item, one) - distance(item, other) ||
    methods[item.method](one, other, item.demand) ||
    (one.agentId < other.agentId ? -1 : 1)
  let best: Candidate | null = null
  for (const candidate of candidates) {
    if (ruledOutBy(item.demand, item.refusals, candidate, now).length > 0) continue
    if (candidate.agentId === item.lastAgentId) return candidate
    if (!best || order(candidate, best) < 0) best = candidate
  }
  return best
}

const declinesOf = ({ refusals }: Item, { agentId }: Candidate): number =>
  refusals.byAgent.get(agentId)?.count ?? 0

const preference = ({ demand }: Item, { agentId }: Candidate): number => {
  const { members } = demand.preference
  const place = members.indexOf(agentId)
  return place < 0 ? members.length : place
}

/** Closest first, where the workstream says so. */
const distance = ({ demand }: Item, candidate: Candidate): number =>
  demand.skillMatching === 'closest' ? shortfall(demand, candidate) : 0

/** Whoever never was comes first. */
const byTime = (one: Date | null | undefined, other: Date | null | undefined): number =>
  (one?.getTime() ?? 0) - (other?.getTime() ?? 0)

const longestUnassigned = (one: Candidate, other: Candidate): number =>
  byTime(one.lastAssignedAt, other.lastAssignedAt)

type Order = (one: Candidate, other: Candidate, demand: Demand) => number

const methods: Record<AssignmentMethod, Order> = {
  highest_capacity: (one, other, demand) =>
    freeFor(demand, other) - freeFor(demand, one) || longestUnassigned(one, other),
  round_robin: (one, other, { queueId }) => {
    const [first, second] = [one.memberships.get(queueId), other.memberships.get(queueId)]
    return byTime(first?.lastAssignedAt, second?.lastAssignedAt) || byTime(first?.joinedAt, second?.joinedAt)
  },
  least_active: (one, other) =>
    byTime(one.lastReleasedAt, other.lastReleasedAt) || longestUnassigned(one, other),
}
