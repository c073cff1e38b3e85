import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Matcher, type RoutingFacts } from '../../src/routing/match-rules.js'
import { type Condition, longestText } from '../../src/workstreams/condition.js'
import { routingRulesBody } from '../../src/workstreams/rule-schemas.js'

const root = join(import.meta.dirname, '..', '..', 'src')

/** Facts that count how often rules ask for the text, and how often they prepare it for a comparison. */
function countedFacts(text: string): { facts: RoutingFacts; asked: () => number; prepared: () => number } {
  let [asked, prepared] = [0, 0]
  const fact = {
    toString: () => {
      prepared += 1
      return text
    },
  }
  const facts = {
    customerAddress: '+12065550100',
    businessNumber: '+14252306549',
    channel: 'sms',
    provider: 'twilio',
    language: 'en-US',
    authenticated: false,
    context: {},
    contact: null,
    get firstText() {
      asked += 1
      return fact as unknown as string
    },
  }
  return { facts, asked: () => asked, prepared: () => prepared }
}

interface Rule {
  name: string
  when: Condition
  queueId: string
}

/** The first that matches, as routing looks for it. */
function matchRules(rules: readonly Rule[], given: RoutingFacts): Rule | null {
  const matcher = new Matcher(given)
  return rules.find(({ when }) => matcher.matches(when)) ?? null
}

const textRule = (n: number, condition: Partial<Condition>): Rule => ({
  name: `Rule ${n}`,
  queueId: '01900000-0000-7000-8000-000000000000',
  when: { field: 'firstMessage.text', ...condition } as Condition,
})

describe('rules that somebody wrote to keep the service busy', () => {
  it('know no regular expressions: what looks like one is a text', () => {
    const { facts } = countedFacts('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')
    const evil = ['contains', 'begins_with', 'ends_with', 'equals'] as const

    const rules = evil.map((op, n) => textRule(n, { op, value: '^(a+)+$' }))

    expect(matchRules(rules, facts)).toBeNull()
    const literal = textRule(0, { op: 'contains', value: '.*' })
    expect(matchRules([literal], { ...facts, firstText: 'a.*b' })).toBe(literal)
  })

  it('have a text prepared once, however many of them compare it with however many values', () => {
    const { facts, asked, prepared } = countedFacts('Z'.repeat(longestText))
    const value = Array.from({ length: 500 }, (_, n) => `value ${n}`)
    const rules = Array.from({ length: 200 }, (_, n) => textRule(n, { op: 'in', value }))

    expect(matchRules(rules, facts)).toBeNull()

    expect(asked()).toBe(200)
    expect(prepared()).toBe(1)
  })

  it('search a text no further than the longest value goes', () => {
    const { facts } = countedFacts('')
    const isFound = (before: number) =>
      matchRules([textRule(0, { op: 'contains', value: 'needle' })], {
        ...facts,
        firstText: `${'x'.repeat(before)}NEEDLE`,
      }) !== null

    expect(isFound(longestText - 6)).toBe(true)
    expect(isFound(longestText - 5)).toBe(false)
    const ends = textRule(0, { op: 'ends_with', value: 'needle' })
    expect(matchRules([ends], { ...facts, firstText: `${'x'.repeat(60_000)}needle` })).toBe(ends)
  })

  it('evaluate each part of a condition at most once, at any depth', () => {
    const { facts, asked } = countedFacts('Z')
    const part: Condition = { field: 'firstMessage.text', op: 'contains', value: 'a' }
    const deep = (depth: number): Condition =>
      depth === 0 ? part : { any: [deep(depth - 1), deep(depth - 1)] }
    const rules = Array.from({ length: 10 }, (_, n) => ({ ...textRule(n, {}), when: deep(4) }))

    expect(matchRules(rules, facts)).toBeNull()

    expect(asked()).toBe(10 * 2 ** 4)
  })

  it('are bounded in number, depth, parts and length of values before they are stored', () => {
    const queueId = '01900000-0000-7000-8000-000000000000'
    const leaf = { field: 'firstMessage.text', op: 'contains', value: 'a' }
    const accepts = (when: unknown, count = 1) =>
      routingRulesBody.safeParse({
        rules: Array.from({ length: count }, () => ({ name: 'A', when, queueId })),
      }).success

    expect(accepts(leaf, 200)).toBe(true)
    expect(accepts(leaf, 201)).toBe(false)
    expect(accepts({ ...leaf, value: 'a'.repeat(longestText) })).toBe(true)
    expect(accepts({ ...leaf, value: 'a'.repeat(longestText + 1) })).toBe(false)
    expect(accepts({ ...leaf, op: 'in', value: Array.from({ length: 501 }, () => 'a') })).toBe(false)
    expect(accepts({ all: Array.from({ length: 101 }, () => leaf) })).toBe(false)
    const bottomless = Array.from({ length: 100_000 }).reduce<unknown>((when) => ({ not: when }), leaf)
    expect(accepts(bottomless)).toBe(false)
    expect(accepts({ ...leaf, op: 'matches' })).toBe(false)
  })
})

describe('the program', () => {
  it('makes no regular expression of what somebody sent', () => {
    const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !/^(db\/generated|simulator)\//.test(file.replaceAll('\\', '/')),
    )

    const made = sources.filter((file) => /\bRegExp\(/.test(readFileSync(join(root, file), 'utf8')))

    expect(made).toEqual([])
    expect(sources.length).toBeGreaterThan(150)
  })
})
