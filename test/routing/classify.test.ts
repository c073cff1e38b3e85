import { describe, expect, it } from 'vitest'
import { classify } from '../../src/routing/classify.js'
import type { RoutingFacts } from '../../src/routing/match-rules.js'
import type { Outputs, Ruleset } from '../../src/workstreams/classification.js'
import type { Condition } from '../../src/workstreams/condition.js'

const facts: RoutingFacts = {
  customerAddress: '+12065550100',
  businessNumber: '+14252306549',
  channel: 'sms',
  provider: 'twilio',
  language: 'en-US',
  authenticated: false,
  context: { Tier: 'Gold' },
  firstText: 'Hello',
  contact: null,
}

const always: Condition = { field: 'channel', op: 'equals', value: 'sms' }
const never: Condition = { field: 'channel', op: 'equals', value: 'whatsapp' }
const broken = { field: 'weather', op: 'equals', value: 'fine' } as Condition

const rule = (name: string, when: Condition, set: Outputs) => ({ name, when, set })
const ruleset = (name: string, ...rules: Ruleset['rules']): Ruleset => ({ name, rules })

describe('classification', () => {
  it('of each ruleset the first rule that matches sets its values', () => {
    const found = classify(
      [
        ruleset(
          'one',
          rule('a', never, { priority: 1 }),
          rule('b', always, { priority: 2 }),
          rule('c', always, { priority: 3 }),
        ),
      ],
      facts,
    )

    expect(found.priority).toBe(2)
    expect(found.trail).toEqual([{ ruleset: 'one', tried: 2, outcome: 'applied', rule: 'b' }])
  })

  it('a later ruleset reads what an earlier one has set', () => {
    const found = classify(
      [
        ruleset('one', rule('a', always, { context: { Topic: 'orders' } })),
        ruleset('two', rule('b', { field: 'context.Topic', op: 'equals', value: 'orders' }, { priority: 5 })),
      ],
      facts,
    )

    expect(found.priority).toBe(5)
    expect(found.facts.context).toEqual({ Tier: 'Gold', Topic: 'orders' })
    expect(found.contextSet).toEqual(['Topic'])
    expect(facts.context).toEqual({ Tier: 'Gold' })
  })

  it('skills and capacity profiles come on top of earlier ones, a skill with its last rating', () => {
    const found = classify(
      [
        ruleset(
          'one',
          rule('a', always, { skills: [{ skillId: 'french', rating: 2 }], capacityProfileId: 'chat' }),
        ),
        ruleset(
          'two',
          rule('b', always, {
            skills: [
              { skillId: 'orders', rating: 1 },
              { skillId: 'french', rating: 5 },
            ],
          }),
        ),
        ruleset('three', rule('c', always, { capacityProfileId: 'vip' }), rule('d', always, { priority: 1 })),
      ],
      facts,
    )

    expect(found.skills).toEqual([
      { skillId: 'orders', rating: 1 },
      { skillId: 'french', rating: 5 },
    ])
    expect(found.capacityProfileIds).toEqual(['chat', 'vip'])
  })

  it('a rule that cannot be evaluated ends it; what was set before stays', () => {
    const found = classify(
      [
        ruleset('one', rule('a', always, { priority: 7 })),
        ruleset('two', rule('b', never, { priority: 8 }), rule('c', broken, { priority: 9 })),
        ruleset('three', rule('d', always, { priority: 10 })),
      ],
      facts,
    )

    expect(found).toMatchObject({ priority: 7, isFaulty: true })
    expect(found.trail.slice(1)).toEqual([
      { ruleset: 'two', tried: 2, outcome: 'faulty', rule: 'c' },
      { ruleset: 'three', tried: 0, outcome: 'not_processed', rule: null },
    ])
  })

  it('without rulesets nothing is set', () => {
    expect(classify([], facts)).toMatchObject({
      facts,
      skills: [],
      priority: null,
      trail: [],
      isFaulty: false,
    })
  })
})
