import { describe, expect, it } from 'vitest'
import { noPreference, preferenceOf } from '../../src/routing/preference.js'
import { type Candidate, type Exclusion, exclusions, ruledOutBy } from '../../src/routing/rule-out.js'
import { ago, candidate, demand, now, refusals } from './candidates.js'

/** What makes each of them apply to an agent whom nothing else rules out. */
const faults: Record<Exclusion, Partial<Candidate>> = {
  not_in_queue: { memberships: new Map() },
  presence: { presence: 'away' },
  capacity: { freeUnits: 0 },
  sessions: { freeSessions: 0 },
  skill: { skills: new Map([['french', 2]]) },
  not_preferred: {},
  declined: {},
}

const only = (...members: string[]) => preferenceOf({ mode: 'unassigned', named: members, members })

const french = { skillId: 'french', rating: 3 }

function ruledOut(applied: readonly Exclusion[]): Exclusion[] {
  const agent = Object.assign(
    candidate('Sam', { skills: new Map([['french', 3]]) }),
    ...applied.map((exclusion) => faults[exclusion]),
  )
  const declined = applied.includes('declined') ? { Sam: { count: 1, lastAt: ago(30) } } : {}
  return ruledOutBy(
    demand({ skills: [french], preference: applied.includes('not_preferred') ? only('Kim') : noPreference }),
    refusals(declined),
    agent,
    now,
  )
}

const pairs = exclusions.flatMap((one, n) => exclusions.slice(n + 1).map((other) => [one, other] as const))

describe('what rules an agent out', () => {
  it('is nothing where all is well', () => {
    expect(ruledOut([])).toEqual([])
  })

  it.each(exclusions.map((one) => [one]))('is told alone: %s', (one) => {
    expect(ruledOut([one])).toEqual([one])
  })

  it.each(pairs)('is told together: %s and %s', (one, other) => {
    expect(ruledOut([one, other])).toEqual([one, other])
  })

  it.each(exclusions.filter((one) => one !== 'capacity'))(
    'is told together: a full capacity profile, whatever the units, and %s',
    (one) => {
      const agent = candidate('Sam', { skills: new Map([['french', 3]]), freeUnits: 9, ...faults[one] })
      const declined = one === 'declined' ? { Sam: { count: 1, lastAt: ago(30) } } : {}
      const asked = {
        ...{ profileIds: ['chat'], skills: [french] },
        preference: one === 'not_preferred' ? only('Kim') : noPreference,
      }

      expect(ruledOutBy(demand(asked), refusals(declined), agent, now)).toEqual(
        exclusions.filter((each) => each === 'capacity' || each === one),
      )
    },
  )

  it('is everything at once', () => {
    expect(ruledOut(exclusions)).toEqual([...exclusions])
  })
})

describe('of each by itself', () => {
  const ruledOutBecause = (given: Partial<Parameters<typeof demand>[0]>, agent: Candidate) =>
    ruledOutBy(demand(given), refusals(), agent, now)

  it.each([
    [1, 1, []],
    [2, 1, ['capacity']],
    [2, 2, []],
    [1, 0, ['capacity']],
    [1, -3, ['capacity']],
  ])('a conversation of %i units for an agent with %i free', (units, freeUnits, expected) => {
    expect(ruledOutBecause({ units }, candidate('Sam', { freeUnits }))).toEqual(expected)
  })

  it.each([
    ['a place in each', { chat: 1, vip: 1 }, []],
    ['no place left in one', { chat: 4, vip: 0 }, ['capacity']],
    ['not all of them', { chat: 4 }, ['capacity']],
  ])(
    'where it asks for capacity profiles, an agent with %s, whatever their units',
    (_what, places, expected) => {
      const agent = candidate('Sam', { freeUnits: 9, places: new Map(Object.entries(places)) })

      expect(ruledOutBecause({ profileIds: ['chat', 'vip'] }, agent)).toEqual(expected)
    },
  )

  it.each([
    ['available', []],
    ['busy', []],
    ['do_not_disturb', ['presence']],
    ['offline', ['presence']],
  ])('an agent who is %s where available and busy are allowed', (presence, expected) => {
    const presences = new Set(['available', 'busy'])

    expect(ruledOutBecause({ presences }, candidate('Sam', { presence }))).toEqual(expected)
  })

  const orders = { skillId: 'orders', rating: 1 }

  it.each([
    ['exact', { french: 3, orders: 1 }, []],
    ['exact', { french: 9, orders: 9 }, []],
    ['exact', { french: 2, orders: 1 }, ['skill']],
    ['exact', { french: 3 }, ['skill']],
    ['exact', {}, ['skill']],
    ['closest', { french: 2 }, []],
    ['closest', {}, []],
    ['none', {}, []],
  ] as const)(
    'matching %s, an agent with %j where French from 3 and orders from 1 are asked',
    (skillMatching, skills, expected) => {
      const agent = candidate('Sam', { skills: new Map(Object.entries(skills)) })

      expect(ruledOutBecause({ skillMatching, skills: [french, orders] }, agent)).toEqual(expected)
    },
  )

  it('an agent with a full capacity profile that blocks is offered nothing', () => {
    expect(ruledOutBecause({}, candidate('Sam', { freeUnits: 9, isBlocked: true }))).toEqual(['capacity'])
  })

  it('of a preferred agent only the presence and sessions are asked, and whether they have declined', () => {
    const asked = { skills: [french], preference: only('Sam') }
    const full = { freeUnits: 0, isBlocked: true }
    const declined = refusals({ Sam: { count: 1, lastAt: ago(59) } })

    expect(ruledOutBecause(asked, candidate('Sam', full))).toEqual([])
    expect(ruledOutBecause(asked, candidate('Sam', { ...full, presence: 'away' }))).toEqual(['presence'])
    expect(ruledOutBecause(asked, candidate('Sam', { ...full, freeSessions: 0 }))).toEqual(['sessions'])
    expect(ruledOutBy(demand(asked), declined, candidate('Sam', full), now)).toEqual(['declined'])
    expect(ruledOutBecause(asked, candidate('Kim'))).toEqual(['skill', 'not_preferred'])
  })

  it('who is preferred and no member of the queue does not count: nobody is kept from it for them', () => {
    const preference = preferenceOf({ mode: 'unassigned', named: ['Sam'], members: [] })

    expect(ruledOutBecause({ preference }, candidate('Kim'))).toEqual([])
    expect(ruledOutBecause({ preference }, candidate('Sam', { freeUnits: 0 }))).toEqual(['capacity'])
  })

  it('membership of another queue does not count', () => {
    expect(ruledOutBecause({}, candidate('Sam', { queues: ['sales'] }))).toEqual(['not_in_queue'])
  })

  it.each([
    ['declined 59 seconds ago', { count: 1, lastAt: ago(59) }, 3, true],
    ['declined 60 seconds ago', { count: 1, lastAt: ago(60) }, 3, false],
    ['declined twice, long ago', { count: 2, lastAt: ago(90_000) }, 3, false],
    ['declined three times, long ago', { count: 3, lastAt: ago(90_000) }, 3, true],
    ['declined once, where once is the limit', { count: 1, lastAt: ago(90_000) }, 1, true],
    ['declined four times, where five is the limit', { count: 4, lastAt: ago(90_000) }, 5, false],
    ['only gave it back 59 seconds ago', { count: 0, lastAt: ago(59) }, 1, true],
    ['only gave it back a while ago', { count: 0, lastAt: ago(60) }, 1, false],
  ])('an agent who %s', (_what, declines, limit, isOut) => {
    const found = ruledOutBy(demand(), refusals({ Sam: declines }, limit), candidate('Sam'), now)

    expect(found).toEqual(isOut ? ['declined'] : [])
  })
})
