/**
 * What a silence calls for (domain.md 13). A rule is due so many minutes after the last message, once in a silence; of
 * rules for the same moment the priority decides, and only one is done.
 */
import { later, minutes } from '../lib/clock.js'

export interface TimedRule {
  event: 'customer_no_response' | 'agent_no_response'
  afterMinutes: number
  /** The lowest number goes first */
  priority: number
}

export interface Silence {
  /** Who has not answered */
  of: 'customer' | 'agent'
  since: Date
}

/**
 * The rules that have become due in this silence, in the order of their times.
 *
 * @param from the earliest moment that has not been looked at yet
 */
export function dueRules<Rule extends TimedRule>(
  rules: readonly Rule[],
  { of, since }: Silence,
  { from, now }: { from: Date; now: Date },
): Rule[] {
  const event = of === 'customer' ? 'customer_no_response' : 'agent_no_response'
  const chosen = new Map<number, Rule>()
  for (const rule of rules) {
    const moment = later(since, minutes(rule.afterMinutes))
    if (rule.event !== event || moment < from || moment > now) continue
    const other = chosen.get(rule.afterMinutes)
    if (!other || rule.priority < other.priority) chosen.set(rule.afterMinutes, rule)
  }
  return [...chosen.values()].toSorted((a, b) => a.afterMinutes - b.afterMinutes)
}
