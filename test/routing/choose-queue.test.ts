import { describe, expect, it } from 'vitest'
import { chooseQueue, type QueueState, type Rule } from '../../src/routing/choose-queue.js'
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
  ignoreOverflow: false,
})

const state = (id: string, given: Partial<QueueState> = {}): QueueState => ({
  ...{ id, overflow: {}, isOpen: true, opensAt: null, waiting: 0, hasMembers: true },
  ...given,
})

const choose = (rules: Rule[], draw = 0, states: QueueState[] = []) =>
  chooseQueue({
    rules,
    facts,
    fallbackQueueId: 'fallback',
    draw: () => draw,
    queues: new Map([...['a', 'b', 'c'].map((id) => state(id)), ...states].map((one) => [one.id, one])),
  })

describe('the queue', () => {
  it('is that of the first rule that matches', () => {
    expect(choose([rule('a', never), rule('b', always), rule('c', always)])).toEqual({
      queueId: 'b',
      reason: 'rule',
      tried: 2,
      trail: [{ rule: 'b', outcome: 'applied', draw: null, queueId: 'b', overflow: null }],
      overflow: null,
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

describe('overflow before queueing', () => {
  const rules = [rule('a', always), rule('b', always), rule('c', always)]
  const soon = new Date('2026-11-21T13:00:00.000Z')
  const later = new Date('2026-11-22T13:00:00.000Z')
  const full = { overflow: { itemLimit: { limit: 5, action: 'end_conversation' as const } }, waiting: 5 }
  const closed = (opensAt: Date | null, given: Partial<QueueState> = {}) => ({
    isOpen: false,
    opensAt,
    ...given,
  })

  it('the first matching rule whose queue does not overflow wins', () => {
    const { queueId, reason, trail } = choose(rules, 0, [state('a', closed(soon)), state('b', full)])

    expect({ queueId, reason }).toEqual({ queueId: 'c', reason: 'rule' })
    expect(trail.map(({ rule, outcome, overflow }) => [rule, outcome, overflow])).toEqual([
      ['a', 'overflows', 'out_of_hours'],
      ['b', 'overflows', 'item_limit'],
      ['c', 'applied', null],
    ])
  })

  it('a queue with room for one more does not overflow', () => {
    expect(choose(rules, 0, [state('a', { ...full, waiting: 4 })]).queueId).toBe('a')
  })

  it('a rule may override it', () => {
    const first = { ...rule('a', always), ignoreOverflow: true }

    expect(choose([first, rule('b', always)], 0, [state('a', closed(soon))])).toMatchObject({
      queueId: 'a',
      reason: 'rule',
    })
  })

  it('where all overflow, the first that is open does what it says', () => {
    const other = { itemLimit: { limit: 1, action: 'other_queue' as const, queueId: 'd' } }
    const states = [state('a', closed(soon)), state('b', { overflow: other, waiting: 9 }), state('c', full)]

    expect(choose(rules, 0, states)).toMatchObject({
      queueId: 'd',
      reason: 'all_overflow',
      overflow: { queueId: 'b', condition: 'item_limit', action: 'other_queue' },
    })
  })

  it('where none is open, the one that opens first', () => {
    const states = [state('a', closed(null)), state('b', closed(later)), state('c', closed(soon))]

    expect(choose(rules, 0, states)).toMatchObject({
      queueId: 'c',
      overflow: { queueId: 'c', condition: 'out_of_hours', action: 'queue_anyway' },
    })
  })

  it('the hours come before the limit', () => {
    const overflow = { ...full.overflow, outOfHours: { action: 'other_queue' as const, queueId: 'd' } }

    expect(
      choose([rule('a', always)], 0, [state('a', closed(soon, { overflow, waiting: 99 }))]),
    ).toMatchObject({
      queueId: 'd',
      overflow: { condition: 'out_of_hours' },
    })
  })

  it('the draw comes before it', () => {
    const split = rule('split', always, { queueId: 'a', percent: 50 }, { queueId: 'b', percent: 50 })

    expect(choose([split, rule('c', always)], 10, [state('a', full)]).queueId).toBe('c')
    expect(choose([split, rule('c', always)], 60, [state('a', full)]).queueId).toBe('b')
  })
})
