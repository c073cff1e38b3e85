import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { freePlaces } from '../../src/messages/call-places.js'

const limits = { each: 10, together: 24, kept: 4 }

describe('places for calls', () => {
  it.each([
    ['nobody calls', 0, 0, 10],
    ['it has some already', 7, 7, 3],
    ['it has all of its own', 10, 10, 0],
    ['the others leave a few', 3, 17, 3],
    ['only the kept ones are left and it has some', 3, 20, 0],
    ['only the kept ones are left and it has none', 0, 20, 2],
    ['one of the kept ones is left', 0, 23, 1],
    ['none is left', 0, 24, 0],
  ])('where %s', (_, own, all, places) => {
    expect(freePlaces(own, all, limits)).toBe(places)
  })

  it('are never more than one, or all together, may have', () => {
    const count = fc.integer({ min: 0, max: 40 })
    fc.assert(
      fc.property(count, count, (own, others) => {
        const places = freePlaces(own, own + others, limits)

        expect(places).toBeGreaterThanOrEqual(0)
        if (places === 0) return
        expect(own + places).toBeLessThanOrEqual(limits.each)
        expect(own + others + places).toBeLessThanOrEqual(limits.together)
      }),
    )
  })
})
