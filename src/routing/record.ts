import type { RequiredSkill } from '../workstreams/classification.js'
import type { QueueChoice } from './choose-queue.js'
import type { RulesetTrail } from './classify.js'
import type { Decision, Plan } from './decide.js'
import { type Candidate, type Demand, type Exclusion, type Refusals, ruledOutBy } from './rule-out.js'

/** How a conversation was led to its queue. */
export interface Routed extends QueueChoice {
  at: string
  classification: RulesetTrail[]
  /** What classification set: of context variables the names */
  set: {
    context: string[]
    skills: RequiredSkill[]
    priority: number | null
    capacityProfileIds: string[]
  }
}

/** Whom assignment looked at. */
export interface Considered {
  at: string
  /** Who was chosen */
  agentId: string | null
  agents: { id: string; ruledOutBy: Exclusion[] }[]
  /** How many more there were */
  others: number
}

const mostAgents = 50

/** Null where there was nothing to decide: no record is kept of that. */
export function routedBy({ rulesets, rules }: Plan, decision: Decision, at: Date): Routed | null {
  return rulesets.length === 0 && rules.length === 0 ? null : routedOf(decision, at)
}

export function routedOf({ classification, choice }: Decision, at: Date): Routed {
  const { skills, priority, capacityProfileIds, trail, contextSet } = classification
  return {
    at: at.toISOString(),
    classification: trail,
    set: { context: contextSet, skills, priority, capacityProfileIds },
    ...choice,
  }
}

/** To be called before anything is taken from the one who is chosen. The first agents are told of, however many there are. */
export function consider(
  { demand, refusals }: { demand: Demand; refusals: Refusals },
  candidates: readonly Candidate[],
  now: Date,
): Omit<Considered, 'agentId'> {
  return {
    at: now.toISOString(),
    agents: candidates.slice(0, mostAgents).map((candidate) => ({
      id: candidate.agentId,
      ruledOutBy: ruledOutBy(demand, refusals, candidate, now),
    })),
    others: Math.max(0, candidates.length - mostAgents),
  }
}
