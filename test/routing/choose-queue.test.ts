import { describe, expect, it } from 'vitest'
import { chooseQueue, type Rule } from '../../src/routing/choose-queue.js'
import { drawFor } from '../../src/routing/draw.js'
import type { RoutingFacts } from '../../src/routing/match-rules.js'
import type { Condition } from '../../src/workstreams/condition.js'

const facts: RoutingFacts = {
  customerAddress: '+12065550100',
  businessNumber: '+14252306549',
  channel: 'sms',
  provider: 'twilio',
  language: 'en-US',
  authenticated: false,
  context: {},
  firstText: 'Hello',
  contact: null,
}

const always: Condition = { field: 'channel', op: 'equals', value: 'sms' }
const never: Condition = { field: 'channel', op: 'equals', value: 'whatsapp' }
const broken = { field: 'weather', op: 'equals', value: 'fine' } as Condition

const rule = (name: string, when: Condition, ...queues: Rule['queues']): Rule => ({
  name,
  when,
  queues: queues.length > 0 ? queues : [{ queueId: name, percent: 100 }],
})

const choose = (rules: Rule[], draw = 0) =>
  chooseQueue({ rules, facts, fallbackQueueId: 'fallback', draw: () => draw })

describe('the queue', () => {
  it('is that of the first rule that matches', () => {
    expect(choose([rule('a', never), rule('b', always), rule('c', always)])).toEqual({
      queueId: 'b',
      reason: 'rule',
      tried: 2,
      trail: [{ rule: 'b', outcome: 'applied', draw: null, queueId: 'b' }],
    })
  })

  it.each([
    ['there is no rule', [], 'no_rules', 0],
    ['no rule matches', [rule('a', never), rule('b', never)], 'no_match', 2],
    [
      'a rule cannot be evaluated',
      [rule('a', never), rule('b', broken), rule('c', always)],
      'faulty_rule',
      2,
    ],
  ] as const)('is the fallback queue where %s', (_what, rules, reason, tried) => {
    expect(choose([...rules])).toMatchObject({ queueId: 'fallback', reason, tried })
  })
})

describe('allocation by percentage', () => {
  const split = rule(
    'split',
    always,
    { queueId: 'a', percent: 70 },
    { queueId: 'b', percent: 20 },
    { queueId: 'c', percent: 10 },
  )

  it.each([
    [0, 'a'],
    [69, 'a'],
    [70, 'b'],
    [89, 'b'],
    [90, 'c'],
    [99, 'c'],
  ])('a draw of %i leads to %s', (draw, queueId) => {
    expect(choose([split], draw)).toMatchObject({ queueId, trail: [{ draw, queueId }] })
  })

  it('follows the percentages over many conversations, and is the same for one whenever it is asked', () => {
    const ids = Array.from({ length: 5000 }, (_, n) => `conversation ${n}`)
    const drawn = ids.map((id) => choose([split], drawFor(id)(0)).queueId)

    const share = (queueId: string) => drawn.filter((one) => one === queueId).length / ids.length
    expect(share('a')).toBeCloseTo(0.7, 1)
    expect(share('b')).toBeCloseTo(0.2, 1)
    expect(share('c')).toBeCloseTo(0.1, 1)
    expect(ids.map((id) => choose([split], drawFor(id)(0)).queueId)).toEqual(drawn)
  })

  it('draws anew for each rule', () => {
    const draws = Array.from({ length: 20 }, (_, place) => drawFor('a conversation')(place))

    expect(new Set(draws).size).toBeGreaterThan(5)
  })
})
