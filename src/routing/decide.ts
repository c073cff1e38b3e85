/**
 * What classification and the rules make of one conversation. One function for routing and for trying, so that what is
 * tried is what happens.
 */
import type { Conversation } from '../db/generated/client.js'
import type { Ruleset } from '../workstreams/classification.js'
import { chooseQueue, type QueueChoice, type Rule } from './choose-queue.js'
import { type Classification, classify } from './classify.js'
import { drawFor } from './draw.js'
import type { Fact, RoutingFacts } from './match-rules.js'

/** How a workstream leads its conversations. */
export interface Plan {
  rulesets: Ruleset[]
  rules: Rule[]
  fallbackQueueId: string
}

export interface Decision {
  classification: Classification
  choice: QueueChoice
}

export function decide(plan: Plan, conversationId: string, facts: RoutingFacts): Decision {
  const classification = classify(plan.rulesets, facts)
  const choice = classification.isFaulty
    ? { queueId: plan.fallbackQueueId, reason: 'faulty_classification' as const, tried: 0, trail: [] }
    : chooseQueue({ ...plan, facts: classification.facts, draw: drawFor(conversationId) })
  return { classification, choice }
}

export function factsOf(row: Conversation, contact: RoutingFacts['contact']): RoutingFacts {
  const { customerAddress, businessNumber, channel, provider, language, authenticated } = row
  return {
    ...{ customerAddress, businessNumber, channel, provider, language, authenticated, contact },
    context: row.context as Record<string, Fact>,
    firstText: row.firstText ?? '',
  }
}
