import type { RequiredSkill } from '../workstreams/classification.js'
import type { QueueChoice } from './choose-queue.js'
import type { RulesetTrail } from './classify.js'
import type { Decision, Outcome, Plan } from './decide.js'
import { type Candidate, type Demand, type Exclusion, type Refusals, ruledOutBy } from './rule-out.js'

/** How a conversation was led to its queue. */
export interface Routed extends QueueChoice {
  at: string
  emptyQueueId: string | null
  outcome: Outcome
  classification: RulesetTrail[]
  /** What classification set: of context variables the names */
  set: {
    context: string[]
    skills: RequiredSkill[]
    priority: number | null
    capacityProfileIds: string[]
  }
}

/** That it had waited too long. */
export interface Overflowed {
  at: string
  /** Where it had waited */
  queueId: string
  minutes: number
  action: 'other_queue' | 'end_conversation'
  /** Where it went */
  toQueueId: string | null
}

/** Whom assignment looked at. */
export interface Considered {
  at: string
  /** Who was chosen */
  agentId: string | null
  agents: Verdict[]
  /** How many more there were */
  others: number
  /** Whom the contact prefers; absent where it was written by a version that had no such thing */
  preferred?: Verdict[]
}

interface Verdict {
  id: string
  ruledOutBy: Exclusion[]
}

const mostAgents = 50

/** Null where there was nothing to decide: no record is kept of that. */
export function routedBy({ rulesets, rules }: Plan, decision: Decision, at: Date): Routed | null {
  const isPlain = rulesets.length === 0 && rules.length === 0 && decision.emptyQueueId === null
  return isPlain ? null : routedOf(decision, at)
}

export function routedOf(decision: Decision, at: Date): Routed {
  const { classification, choice, queueId, emptyQueueId, outcome } = decision
  const { skills, priority, capacityProfileIds, trail, contextSet } = classification
  return {
    at: at.toISOString(),
    classification: trail,
    set: { context: contextSet, skills, priority, capacityProfileIds },
    ...choice,
    ...{ queueId, emptyQueueId, outcome },
  }
}

/** To be called before anything is taken from the one who is chosen. The first agents are told of, however many there are. */
export function consider(
  { demand, refusals }: { demand: Demand; refusals: Refusals },
  candidates: readonly Candidate[],
  now: Date,
): Omit<Considered, 'agentId'> {
  const verdictOn = (candidate: Candidate): Verdict => ({
    id: candidate.agentId,
    ruledOutBy: ruledOutBy(demand, refusals, candidate, now),
  })
  return {
    at: now.toISOString(),
    agents: candidates.slice(0, mostAgents).map(verdictOn),
    others: Math.max(0, candidates.length - mostAgents),
    preferred: demand.preference.named.map((id) => {
      const candidate = candidates.find(({ agentId }) => agentId === id)
      return candidate ? verdictOn(candidate) : { id, ruledOutBy: ['not_in_queue'] }
    }),
  }
}
