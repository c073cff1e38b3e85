import { expect, it } from 'vitest'
import { dueRules, type TimedRule } from '../../src/timeouts/due-rules.js'

const since = new Date('2026-11-21T12:00:00.000Z')
const at = (minutes: number): Date => new Date(since.getTime() + minutes * 60_000)
const rule = (name: string, afterMinutes: number, given: Partial<TimedRule> = {}) => ({
  name,
  event: 'customer_no_response' as const,
  priority: 100,
  ...given,
  afterMinutes,
})
const names = (rules: { name: string }[]) => rules.map(({ name }) => name)

it.each<[string, Date, Date, string[]]>([
  ['nothing before the first time', at(0), at(4), []],
  ['a rule exactly at its time', at(5), at(5), ['five']],
  ['what was missed, in the order of their times', at(5), at(61), ['five', 'hour']],
  ['none that was looked at already', at(6), at(61), ['hour']],
])('%s', (_title, from, now, expected) => {
  const rules = [rule('hour', 60), rule('five', 5), rule('day', 1440)]

  expect(names(dueRules(rules, { of: 'customer', since }, { from, now }))).toEqual(expected)
})

it('of rules for the same moment only the one with the lowest number', () => {
  const rules = [rule('second', 5, { priority: 2 }), rule('first', 5, { priority: 1 }), rule('other', 6)]

  expect(names(dueRules(rules, { of: 'customer', since }, { from: at(5), now: at(6) }))).toEqual([
    'first',
    'other',
  ])
})

it('only the rules of the side that is silent', () => {
  const rules = [rule('customer', 5), rule('agent', 5, { event: 'agent_no_response' })]

  expect(names(dueRules(rules, { of: 'agent', since }, { from: at(5), now: at(5) }))).toEqual(['agent'])
})
