/**
 * Classification (domain.md 5.2): of each ruleset the first rule that matches sets its values; what it sets, the rulesets
 * behind it can read. A rule that cannot be evaluated ends it: what was set before stays.
 */
import type { Outputs, RequiredSkill, Ruleset } from '../workstreams/classification.js'
import { Matcher, type RoutingFacts } from './match-rules.js'

export interface RulesetTrail {
  ruleset: string
  /** How many of its rules were looked at */
  tried: number
  outcome: 'applied' | 'no_match' | 'faulty' | 'not_processed'
  /** The rule that was applied, or is faulty */
  rule: string | null
}

export interface Classification {
  /** With what was set */
  facts: RoutingFacts
  /** The names of the context variables that were set */
  contextSet: string[]
  skills: RequiredSkill[]
  priority: number | null
  capacityProfileIds: string[]
  trail: RulesetTrail[]
  isFaulty: boolean
}

export function classify(rulesets: readonly Ruleset[], facts: RoutingFacts): Classification {
  const found: Classification = {
    facts,
    contextSet: [],
    skills: [],
    priority: null,
    capacityProfileIds: [],
    trail: [],
    isFaulty: false,
  }
  for (const ruleset of rulesets) {
    if (found.isFaulty) found.trail.push(trailOf(ruleset, { tried: 0, outcome: 'not_processed' }))
    else process(ruleset, found)
  }
  return found
}

function process(ruleset: Ruleset, found: Classification): void {
  const matcher = new Matcher(found.facts)
  for (const [place, { name, when, set }] of ruleset.rules.entries()) {
    const tried = place + 1
    try {
      if (!matcher.matches(when)) continue
    } catch {
      found.isFaulty = true
      found.trail.push(trailOf(ruleset, { tried, outcome: 'faulty', rule: name }))
      return
    }
    apply(set, found)
    found.trail.push(trailOf(ruleset, { tried, outcome: 'applied', rule: name }))
    return
  }
  found.trail.push(trailOf(ruleset, { tried: ruleset.rules.length, outcome: 'no_match' }))
}

const trailOf = (
  { name }: Ruleset,
  { rule = null, ...rest }: Pick<RulesetTrail, 'tried' | 'outcome'> & { rule?: string | null },
): RulesetTrail => ({ ruleset: name, rule, ...rest })

/** Later values take the place of earlier ones; skills and capacity profiles come on top. */
function apply(
  { context = {}, skills = [], priority, capacityProfileId }: Outputs,
  found: Classification,
): void {
  found.facts = { ...found.facts, context: { ...found.facts.context, ...context } }
  found.contextSet = [...new Set([...found.contextSet, ...Object.keys(context)])]
  const named = new Set(skills.map(({ skillId }) => skillId))
  found.skills = [...found.skills.filter(({ skillId }) => !named.has(skillId)), ...skills]
  if (priority !== undefined) found.priority = priority
  if (capacityProfileId && !found.capacityProfileIds.includes(capacityProfileId))
    found.capacityProfileIds.push(capacityProfileId)
}
