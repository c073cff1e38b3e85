import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseAgent, type Item } from '../../src/routing/choose-agent.js'
import { preferenceOf } from '../../src/routing/preference.js'
import { ruledOutBy } from '../../src/routing/rule-out.js'
import { ago, candidate, demand, now, refusals } from './candidates.js'

const item = (given: Partial<Item> = {}): Item => ({
  demand: demand(),
  method: 'highest_capacity',
  lastAgentId: null,
  refusals: refusals(),
  ...given,
})

const preferring = (...members: string[]) => preferenceOf({ mode: 'next_best', named: members, members })

const chosen = (given: Partial<Item>, ...candidates: ReturnType<typeof candidate>[]) =>
  chooseAgent(item(given), candidates, now)?.agentId ?? null

describe('highest capacity', () => {
  it('the member with the most free capacity is offered the conversation', () => {
    expect(chosen({}, candidate('busy'), candidate('free', { freeUnits: 3 }))).toBe('free')
  })

  it('of capacity profiles the fullest counts', () => {
    const wide = candidate('wide', { places: new Map(Object.entries({ chat: 9, vip: 1 })) })
    const even = candidate('even', { places: new Map(Object.entries({ chat: 2, vip: 2 })) })

    expect(chosen({ demand: demand({ profileIds: ['chat', 'vip'] }) }, wide, even)).toBe('even')
  })

  it('with equal capacity the one who has waited longest for work comes first', () => {
    const recent = candidate('recent', { lastAssignedAt: ago(10) })
    const long = candidate('long', { lastAssignedAt: ago(600) })

    expect(chosen({}, recent, long)).toBe('long')
  })

  it('an agent who was never given work comes before all others', () => {
    const long = candidate('long', { lastAssignedAt: ago(90_000) })

    expect(chosen({}, long, candidate('never'))).toBe('never')
  })
})

describe('round robin', () => {
  const method = 'round_robin'

  it('those who have had no turn in this queue come first, in the order in which they joined it', () => {
    const second = candidate('second', { joinedAt: ago(100), freeUnits: 9 })
    const first = candidate('first', { joinedAt: ago(200) })
    const had = candidate('had', { joinedAt: ago(300), turn: ago(5000) })

    expect(chosen({ method }, second, had, first)).toBe('first')
    expect(chosen({ method }, second, had)).toBe('second')
  })

  it('then the one whose turn in this queue is longest ago, whatever they got elsewhere', () => {
    const long = candidate('long', { turn: ago(600), lastAssignedAt: ago(1) })
    const recent = candidate('recent', { turn: ago(10), lastAssignedAt: ago(600) })

    expect(chosen({ method }, recent, long)).toBe('long')
  })
})

describe('least active', () => {
  const method = 'least_active'

  it('the one whose capacity was given back longest ago comes first', () => {
    const long = candidate('long', { lastReleasedAt: ago(600) })
    const recent = candidate('recent', { lastReleasedAt: ago(10), freeUnits: 9 })

    expect(chosen({ method }, recent, long)).toBe('long')
  })

  it('one who never had any comes before', () => {
    expect(chosen({ method }, candidate('long', { lastReleasedAt: ago(600) }), candidate('new'))).toBe('new')
  })
})

describe('closest skills', () => {
  const asked = { skillMatching: 'closest' as const, skills: [{ skillId: 'french', rating: 5 }] }
  const rated = (agentId: string, french: number, given: object = {}) =>
    candidate(agentId, { skills: new Map([['french', french]]), ...given })

  it('whoever lacks least comes first, whatever else they have', () => {
    const far = rated('far', 2, { freeUnits: 9 })

    expect(chosen({ demand: demand(asked) }, far, rated('near', 4))).toBe('near')
    expect(chosen({ demand: demand(asked) }, far, rated('near', 4), rated('able', 9))).toBe('able')
  })

  it('one without the skill gets it where nobody has it', () => {
    expect(chosen({ demand: demand(asked) }, candidate('unskilled'))).toBe('unskilled')
  })

  it('where skills do not count the method decides alone', () => {
    const free = candidate('free', { freeUnits: 9 })

    expect(chosen({ demand: demand({ ...asked, skillMatching: 'none' }) }, rated('able', 9), free)).toBe(
      'free',
    )
  })
})

describe('whatever the method', () => {
  it('a conversation that returns goes to the agent who had it, also where others have more capacity', () => {
    const other = candidate('other', { freeUnits: 9 })

    expect(chosen({ lastAgentId: 'known' }, other, candidate('known'))).toBe('known')
  })

  it('those who have declined it come after those who have not', () => {
    const refuser = candidate('refuser', { freeUnits: 5 })
    const declined = { refusals: refusals({ refuser: { count: 1, lastAt: ago(61) } }) }

    expect(chosen(declined, refuser, candidate('other'))).toBe('other')
    expect(chosen(declined, refuser)).toBe('refuser')
  })

  it('preferred agents come before others, in their order, and after they have declined behind those who have not', () => {
    const preferred = demand({ preference: preferring('first', 'second') })
    const free = candidate('free', { freeUnits: 9 })
    const declined = refusals({ first: { count: 1, lastAt: ago(61) } })

    expect(chosen({ demand: preferred }, free, candidate('second'), candidate('first'))).toBe('first')
    expect(chosen({ demand: preferred }, free, candidate('second'))).toBe('second')
    expect(chosen({ demand: preferred }, free)).toBe('free')
    expect(chosen({ demand: preferred, refusals: declined }, free, candidate('first'))).toBe('free')
  })

  it('nobody is chosen where everybody is ruled out', () => {
    const declined = { refusals: refusals({ refuser: { count: 3, lastAt: ago(100_000) } }) }

    expect(chosen(declined, candidate('refuser'), candidate('sales', { queues: ['sales'] }))).toBeNull()
  })

  it('nothing rules out whoever is chosen', () => {
    const arbitraryCandidate = fc
      .record({
        agentId: fc.constantFrom('a', 'b', 'c', 'd'),
        queues: fc.subarray(['support', 'sales']),
        presence: fc.constantFrom('available', 'busy', 'away'),
        freeUnits: fc.integer({ min: -1, max: 4 }),
        lastAssignedAt: fc.option(fc.integer({ min: 0, max: 500 }).map(ago)),
        lastReleasedAt: fc.option(fc.integer({ min: 0, max: 500 }).map(ago)),
      })
      .map(({ agentId, ...given }) => candidate(agentId, given))
    const arbitraryDeclines = fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.record({ count: fc.integer({ min: 0, max: 4 }), lastAt: fc.integer({ min: 0, max: 120 }).map(ago) }),
    )
    fc.assert(
      fc.property(
        fc.uniqueArray(arbitraryCandidate, { selector: ({ agentId }) => agentId }),
        arbitraryDeclines,
        fc.constantFrom('highest_capacity' as const, 'round_robin' as const, 'least_active' as const),
        fc.integer({ min: 1, max: 3 }),
        (candidates, declines, method, units) => {
          const asked = item({ method, demand: demand({ units }), refusals: refusals(declines) })
          const able = candidates.filter(
            (each) => ruledOutBy(asked.demand, asked.refusals, each, now).length === 0,
          )
          const found = chooseAgent(asked, candidates, now)
          expect(found === null).toBe(able.length === 0)
          if (found) expect(able).toContain(found)
        },
      ),
    )
  })
})
