import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Candidate, chooseAgent, type Declines, type Item } from '../../src/routing/choose-agent.js'

const now = new Date('2026-11-21T12:00:00.000Z')
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000)

const candidate = (agentId: string, given: Partial<Candidate> = {}): Candidate => ({
  agentId,
  queueIds: new Set(['support']),
  freeUnits: 1,
  places: new Map(),
  lastAssignedAt: null,
  ...given,
})

const item = (given: Partial<Item> = {}): Item => ({
  queueId: 'support',
  units: 1,
  profileIds: [],
  lastAgentId: null,
  declines: new Map(),
  ...given,
})

const declined = (entries: Record<string, Declines>) => new Map(Object.entries(entries))

it('a conversation with capacity profiles goes to who has a place in each, whatever units they have', () => {
  const offered = item({ units: 5, profileIds: ['chat', 'vip'] })
  const only = candidate('only chat', { freeUnits: 9, places: new Map([['chat', 3]]) })
  const full = candidate('full', {
    places: new Map([
      ['chat', 4],
      ['vip', 0],
    ]),
  })
  const both = candidate('both', {
    freeUnits: 0,
    places: new Map([
      ['chat', 1],
      ['vip', 1],
    ]),
  })

  expect(chooseAgent(offered, [only, full, both], now)).toEqual({ kind: 'assigned', agentId: 'both' })
  expect(chooseAgent(offered, [only, full], now)).toEqual({ kind: 'queued', reason: 'nobody_free' })
})

it('the most free capacity of a conversation with profiles is that of the fullest of them', () => {
  const offered = item({ profileIds: ['chat', 'vip'] })
  const wide = candidate('wide', {
    places: new Map([
      ['chat', 9],
      ['vip', 1],
    ]),
  })
  const even = candidate('even', {
    places: new Map([
      ['chat', 2],
      ['vip', 2],
    ]),
  })

  expect(chooseAgent(offered, [wide, even], now)).toEqual({ kind: 'assigned', agentId: 'even' })
})

it('the member with the most free capacity is offered the conversation', () => {
  const choice = chooseAgent(item(), [candidate('busy'), candidate('free', { freeUnits: 3 })], now)

  expect(choice).toEqual({ kind: 'assigned', agentId: 'free' })
})

it('with equal capacity the one who has waited longest for work comes first', () => {
  const candidates = [
    candidate('recent', { lastAssignedAt: ago(10) }),
    candidate('long', { lastAssignedAt: ago(600) }),
  ]

  expect(chooseAgent(item(), candidates, now)).toEqual({ kind: 'assigned', agentId: 'long' })
})

it('an agent who was never given work comes before all others', () => {
  const candidates = [candidate('long', { lastAssignedAt: ago(90_000) }), candidate('never')]

  expect(chooseAgent(item(), candidates, now)).toEqual({ kind: 'assigned', agentId: 'never' })
})

it('a conversation that returns goes to the agent who had it, also where others have more capacity', () => {
  const candidates = [candidate('other', { freeUnits: 9 }), candidate('known')]

  expect(chooseAgent(item({ lastAgentId: 'known' }), candidates, now)).toEqual({
    kind: 'assigned',
    agentId: 'known',
  })
})

it('an agent of another queue is never asked', () => {
  const candidates = [candidate('sales', { queueIds: new Set(['sales']) })]

  expect(chooseAgent(item(), candidates, now)).toEqual({ kind: 'queued', reason: 'nobody_free' })
})

it('an agent without enough free units is not asked', () => {
  expect(chooseAgent(item({ units: 2 }), [candidate('small')], now).kind).toBe('queued')
})

it('an agent who declined is not asked again for 60 seconds, and then after the others', () => {
  const candidates = [candidate('refuser', { freeUnits: 5 }), candidate('other')]

  const early = chooseAgent(
    item({ declines: declined({ refuser: { count: 1, lastAt: ago(59) } }) }),
    [candidate('refuser')],
    now,
  )
  const later = chooseAgent(
    item({ declines: declined({ refuser: { count: 1, lastAt: ago(61) } }) }),
    candidates,
    now,
  )
  const alone = chooseAgent(
    item({ declines: declined({ refuser: { count: 1, lastAt: ago(61) } }) }),
    [candidate('refuser')],
    now,
  )

  expect(early).toEqual({ kind: 'queued', reason: 'all_declined' })
  expect(later).toEqual({ kind: 'assigned', agentId: 'other' })
  expect(alone).toEqual({ kind: 'assigned', agentId: 'refuser' })
})

it('after three declines an agent is never asked again', () => {
  const declines = declined({ refuser: { count: 3, lastAt: ago(100_000) } })

  expect(chooseAgent(item({ declines }), [candidate('refuser')], now)).toEqual({
    kind: 'queued',
    reason: 'all_declined',
  })
})

it('whoever is chosen is a member, has the capacity and has not just declined', () => {
  const arbitraryCandidate = fc.record({
    agentId: fc.constantFrom('a', 'b', 'c', 'd'),
    queueIds: fc.subarray(['support', 'sales']).map((ids) => new Set(ids)),
    freeUnits: fc.integer({ min: 0, max: 4 }),
    places: fc.constant(new Map()),
    lastAssignedAt: fc.option(fc.integer({ min: 0, max: 500 }).map(ago)),
  })
  const arbitraryDeclines = fc.dictionary(
    fc.constantFrom('a', 'b', 'c', 'd'),
    fc.record({ count: fc.integer({ min: 1, max: 4 }), lastAt: fc.integer({ min: 0, max: 120 }).map(ago) }),
  )
  fc.assert(
    fc.property(
      fc.uniqueArray(arbitraryCandidate, { selector: ({ agentId }) => agentId }),
      arbitraryDeclines,
      fc.integer({ min: 1, max: 3 }),
      (candidates, declines, units) => {
        const choice = chooseAgent(item({ units, declines: declined(declines) }), candidates, now)
        if (choice.kind === 'queued') return
        const chosen = candidates.find(({ agentId }) => agentId === choice.agentId)
        const refusal = declines[choice.agentId]
        expect(chosen?.queueIds.has('support')).toBe(true)
        expect(chosen?.freeUnits).toBeGreaterThanOrEqual(units)
        if (refusal)
          expect(refusal.count < 3 && now.getTime() - refusal.lastAt.getTime() >= 60_000).toBe(true)
      },
    ),
  )
})
