/**
 * What classification and the rules make of one conversation. One function for routing and for trying, so that what is
 * tried is what happens.
 */
import type { Conversation } from '../db/generated/client.js'
import type { Ruleset } from '../workstreams/classification.js'
import { chooseQueue, type QueueChoice, type QueueState, type Rule } from './choose-queue.js'
import { type Classification, classify } from './classify.js'
import { drawFor } from './draw.js'
import type { Fact, RoutingFacts } from './match-rules.js'

/** How a workstream leads its conversations. */
export interface Plan {
  rulesets: Ruleset[]
  rules: Rule[]
  fallbackQueueId: string
}

/** What becomes of it: it waits in the queue, or it ends. */
export type Outcome = 'queued' | 'overflow_ended' | 'ended_without_members'

export interface Decision {
  classification: Classification
  choice: QueueChoice
  /** Where it comes to */
  queueId: string
  /** The queue that the rules chose and that has no member at all */
  emptyQueueId: string | null
  outcome: Outcome
}

interface Surroundings {
  queues: ReadonlyMap<string, QueueState>
  queueWithoutMembers: 'keep_open' | 'close'
}

export function decide(
  plan: Plan,
  conversationId: string,
  facts: RoutingFacts,
  { queues, queueWithoutMembers }: Surroundings,
): Decision {
  const { fallbackQueueId } = plan
  const classification = classify(plan.rulesets, facts)
  const choice: QueueChoice = classification.isFaulty
    ? { queueId: fallbackQueueId, reason: 'faulty_classification', tried: 0, trail: [], overflow: null }
    : chooseQueue({ ...plan, facts: classification.facts, queues, draw: drawFor(conversationId) })
  const decided = { classification, choice }
  if (choice.overflow?.action === 'end_conversation')
    return { ...decided, queueId: choice.queueId, emptyQueueId: null, outcome: 'overflow_ended' }
  const isEmpty = (queueId: string) => queues.get(queueId)?.hasMembers === false
  if (!isEmpty(choice.queueId))
    return { ...decided, queueId: choice.queueId, emptyQueueId: null, outcome: 'queued' }
  const ends = isEmpty(fallbackQueueId) && queueWithoutMembers === 'close'
  const outcome = ends ? 'ended_without_members' : 'queued'
  return { ...decided, queueId: fallbackQueueId, emptyQueueId: choice.queueId, outcome }
}

export function factsOf(row: Conversation, contact: RoutingFacts['contact']): RoutingFacts {
  const { customerAddress, businessNumber, channel, provider, language, authenticated } = row
  return {
    ...{ customerAddress, businessNumber, channel, provider, language, authenticated, contact },
    context: row.context as Record<string, Fact>,
    firstText: row.firstText ?? '',
  }
}
