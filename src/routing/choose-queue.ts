/**
 * Which queue a conversation goes to (domain.md 5.3, 5.6): that of the first rule that matches and whose queue does not
 * overflow. Where all overflow, the first that is open, or else the one that opens first, and what it does then. The
 * fallback queue, whether it overflows or not, where no rule matches or one cannot be evaluated.
 */
import type { Condition } from '../workstreams/condition.js'
import type { Overflow, OverflowAction } from '../workstreams/overflow.js'
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
  ignoreOverflow: boolean
}

/** A queue as it is at this moment. */
export interface QueueState {
  id: string
  overflow: Overflow
  isOpen: boolean
  /** When it opens next; null where it is open, or not in sight */
  opensAt: Date | null
  /** How many conversations are open in it, as far as its limit goes */
  waiting: number
  hasMembers: boolean
}

export type OverflowCondition = 'out_of_hours' | 'item_limit'

export interface RuleTrail {
  rule: string
  outcome: 'applied' | 'overflows' | 'faulty'
  /** Drawn by this number, from 0 to 99, where the rule allocates by percentage */
  draw: number | null
  queueId: string | null
  overflow: OverflowCondition | null
}

export interface QueueChoice {
  queueId: string
  reason: 'rule' | 'no_rules' | 'no_match' | 'faulty_rule' | 'faulty_classification' | 'all_overflow'
  /** How many rules were looked at */
  tried: number
  /** Of those that matched or are faulty */
  trail: RuleTrail[]
  /** What the queue did that overflowed, where all did */
  overflow: { queueId: string; condition: OverflowCondition; action: OverflowAction['action'] } | null
}

interface Question {
  rules: readonly Rule[]
  fallbackQueueId: string
  facts: RoutingFacts
  queues: ReadonlyMap<string, QueueState>
  /** From 0 to 99, the same for one conversation whenever it is asked */
  draw: (rule: number) => number
}

interface Match {
  trail: RuleTrail
  state: QueueState
}

const mostTold = 20

export function chooseQueue({ rules, fallbackQueueId, facts, queues, draw }: Question): QueueChoice {
  const fallback = (reason: QueueChoice['reason'], tried: number, trail: RuleTrail[] = []): QueueChoice => ({
    ...{ queueId: fallbackQueueId, reason, tried, trail, overflow: null },
  })
  if (rules.length === 0) return fallback('no_rules', 0)
  const matcher = new Matcher(facts)
  const overflowing: Match[] = []
  const told = () => overflowing.slice(0, mostTold).map(({ trail }) => trail)
  for (const [place, rule] of rules.entries()) {
    const tried = place + 1
    const match = matchOf(rule, { matcher, queues, draw: () => draw(place) })
    if (match === 'none') continue
    if (match === 'faulty') return fallback('faulty_rule', tried, [...told(), faulty(rule)])
    if (!match.trail.overflow)
      return { ...fallback('rule', tried, [...told(), match.trail]), queueId: match.state.id }
    overflowing.push(match)
  }
  const last = operational(overflowing)
  return last
    ? overflowed(last, { ...fallback('all_overflow', rules.length, told()) })
    : fallback('no_match', rules.length)
}

const faulty = ({ name }: Rule): RuleTrail => ({
  ...{ rule: name, outcome: 'faulty', draw: null, queueId: null, overflow: null },
})

function matchOf(
  { name, when, queues: shares, ignoreOverflow }: Rule,
  { matcher, queues, draw }: { matcher: Matcher; queues: Question['queues']; draw: () => number },
): Match | 'none' | 'faulty' {
  try {
    if (!matcher.matches(when)) return 'none'
  } catch {
    return 'faulty'
  }
  const number = shares.length > 1 ? draw() : null
  const state = queues.get(drawn(shares, number ?? 0) ?? '')
  if (!state) return 'faulty'
  const overflow = ignoreOverflow ? null : conditionOf(state)
  const outcome = overflow ? 'overflows' : 'applied'
  return { trail: { rule: name, outcome, draw: number, queueId: state.id, overflow }, state }
}

function drawn(queues: readonly Share[], number: number): string | null {
  let upTo = 0
  for (const { queueId, percent } of queues) {
    upTo += percent
    if (number < upTo) return queueId
  }
  return null
}

/** Why a queue overflows; null where it does not. The hours come first. */
function conditionOf({ isOpen, overflow: { itemLimit }, waiting }: QueueState): OverflowCondition | null {
  if (!isOpen) return 'out_of_hours'
  return itemLimit && waiting >= itemLimit.limit ? 'item_limit' : null
}

/** The first that is open; else the one that opens first. */
function operational(matches: readonly Match[]): Match | null {
  const open = matches.find(({ state }) => state.isOpen)
  if (open) return open
  const opens = ({ state }: Match): number => state.opensAt?.getTime() ?? Number.POSITIVE_INFINITY
  return matches.reduce<Match | null>((best, one) => (best && opens(best) <= opens(one) ? best : one), null)
}

function overflowed({ state, trail }: Match, choice: QueueChoice): QueueChoice {
  const condition = trail.overflow ?? 'out_of_hours'
  const { outOfHours, itemLimit } = state.overflow
  const { action = 'queue_anyway', queueId = state.id } =
    (condition === 'out_of_hours' ? outOfHours : itemLimit) ?? {}
  return { ...choice, queueId, overflow: { queueId: state.id, condition, action } }
}
