/**
 * Which queue a conversation goes to (domain.md 5.3): that of the first rule that matches; the fallback queue where there
 * is none, or where a rule cannot be evaluated.
 */
import type { Condition } from '../workstreams/condition.js'
import { Matcher, type RoutingFacts } from './match-rules.js'

export interface Share {
  queueId: string
  percent: number
}

export interface Rule {
  name: string
  when: Condition
  /** One of them is drawn; one of 100 percent where nothing is drawn */
  queues: readonly Share[]
}

export interface RuleTrail {
  rule: string
  outcome: 'applied' | 'faulty'
  /** Drawn by this number, from 0 to 99, where the rule allocates by percentage */
  draw: number | null
  queueId: string | null
}

export interface QueueChoice {
  queueId: string
  reason: 'rule' | 'no_rules' | 'no_match' | 'faulty_rule' | 'faulty_classification'
  /** How many rules were looked at */
  tried: number
  /** Of those that matched or are faulty */
  trail: RuleTrail[]
}

interface Question {
  rules: readonly Rule[]
  fallbackQueueId: string
  facts: RoutingFacts
  /** From 0 to 99, the same for one conversation whenever it is asked */
  draw: (rule: number) => number
}

export function chooseQueue({ rules, fallbackQueueId, facts, draw }: Question): QueueChoice {
  const fallback = (reason: QueueChoice['reason'], tried: number, trail: RuleTrail[] = []): QueueChoice => ({
    ...{ queueId: fallbackQueueId, reason, tried, trail },
  })
  if (rules.length === 0) return fallback('no_rules', 0)
  const matcher = new Matcher(facts)
  for (const [place, { name, when, queues }] of rules.entries()) {
    const tried = place + 1
    try {
      if (!matcher.matches(when)) continue
    } catch {
      const faulty = { rule: name, outcome: 'faulty', draw: null, queueId: null } as const
      return fallback('faulty_rule', tried, [faulty])
    }
    const number = queues.length > 1 ? draw(place) : null
    const queueId = drawn(queues, number ?? 0)
    if (queueId === null) return fallback('faulty_rule', tried)
    return {
      queueId,
      reason: 'rule',
      tried,
      trail: [{ rule: name, outcome: 'applied', draw: number, queueId }],
    }
  }
  return fallback('no_match', rules.length)
}

function drawn(queues: readonly Share[], number: number): string | null {
  let upTo = 0
  for (const { queueId, percent } of queues) {
    upTo += percent
    if (number < upTo) return queueId
  }
  return null
}
