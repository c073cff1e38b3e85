import { describe, expect, it } from 'vitest'
import { Matcher, type RoutingFacts } from '../../src/routing/match-rules.js'
import type { Condition } from '../../src/workstreams/condition.js'

const facts: RoutingFacts = {
  customerAddress: '+12065550100',
  businessNumber: '+14252306549',
  channel: 'sms',
  provider: 'twilio',
  language: 'en-US',
  authenticated: true,
  context: { Tier: 'Gold', points: 120 },
  firstText: 'Hello, my ORDER is late',
  contact: {
    name: 'Casey',
    mobilePhone: '+12065550100',
    email: 'casey@example.com',
    attributes: { vip: true },
  },
}

const holds = (when: unknown, given: RoutingFacts = facts): boolean =>
  new Matcher(given).matches(when as Condition)

describe('one condition', () => {
  const cases: [string, unknown, boolean][] = [
    [
      'a phone written without a plus equals the same one',
      { field: 'contact.mobilePhone', op: 'equals', value: '12065550100' },
      true,
    ],
    [
      'a phone begins with digits written without a plus',
      { field: 'customerAddress', op: 'begins_with', value: '1206' },
      true,
    ],
    [
      'a phone begins with digits written with a plus',
      { field: 'customerAddress', op: 'begins_with', value: '+1206' },
      true,
    ],
    ['a phone ends with digits', { field: 'businessNumber', op: 'ends_with', value: '6549' }, true],
    [
      'text is found without regard to case',
      { field: 'firstMessage.text', op: 'contains', value: 'order' },
      true,
    ],
    ['a context value counts with its case', { field: 'context.Tier', op: 'equals', value: 'gold' }, false],
    ['a context name counts with its case', { field: 'context.tier', op: 'exists', value: true }, false],
    ['a number is greater', { field: 'context.points', op: 'greater_than', value: 100 }, true],
    ['text is never greater than a number', { field: 'context.Tier', op: 'greater_than', value: 1 }, false],
    ['a value is one of several', { field: 'channel', op: 'in', value: ['whatsapp', 'sms'] }, true],
    ['a boolean equals', { field: 'authenticated', op: 'equals', value: true }, true],
    ['an attribute of the contact', { field: 'contact.attributes.vip', op: 'equals', value: true }, true],
    [
      'an attribute that every object inherits is none',
      { field: 'contact.attributes.constructor', op: 'exists', value: true },
      false,
    ],
    ['what is missing equals nothing', { field: 'contact.attributes.none', op: 'equals', value: 'x' }, false],
    [
      'what is missing is different from everything',
      { field: 'contact.attributes.none', op: 'not_equals', value: 'x' },
      true,
    ],
    ['what is missing does not exist', { field: 'context.none', op: 'exists', value: false }, true],
  ]
  for (const [title, when, outcome] of cases) {
    it(title, () => {
      expect(holds(when)).toBe(outcome)
    })
  }
})

it('conditions are joined by all, any and not', () => {
  const sms = { field: 'channel', op: 'equals', value: 'sms' }
  const whatsapp = { field: 'channel', op: 'equals', value: 'whatsapp' }

  expect(holds({ all: [sms, { not: whatsapp }] })).toBe(true)
  expect(holds({ any: [whatsapp, sms] })).toBe(true)
  expect(holds({ all: [sms, whatsapp] })).toBe(false)
})

it('a customer who is linked to nobody has no mobile phone to match', () => {
  const unknown = { ...facts, contact: null, authenticated: false }

  expect(holds({ field: 'contact.mobilePhone', op: 'begins_with', value: '1206' }, unknown)).toBe(false)
})

it('a rule that cannot be evaluated says so, so that the fallback queue is taken', () => {
  expect(() => holds({ field: 'moon.phase', op: 'equals', value: 'full' })).toThrow('moon.phase')
})
