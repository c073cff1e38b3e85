import { expect, it } from 'vitest'
import { Rate } from '../../src/lib/rate.js'

/** So many every ten milliseconds, for two seconds from `from` on. */
function feed(rate: Rate, count: number, from: number): number {
  const until = from + 2000
  for (let now = from; now <= until; now += 10) rate.add(count, now)
  return until
}

it('tells what comes per second, however it is bundled', () => {
  const rate = new Rate()

  expect(rate.perSecond(feed(rate, 14, 0))).toBeCloseTo(1400, -2)
})

it('follows what changes', () => {
  const rate = new Rate()
  const now = feed(rate, 100, 0)

  expect(rate.perSecond(feed(rate, 5, now))).toBeCloseTo(500, -2)
})

it('forgets in a second', () => {
  const rate = new Rate()
  const now = feed(rate, 100, 0)

  expect(rate.perSecond(now + 1000)).toBeLessThan(300)
  expect(new Rate().perSecond(now)).toBe(0)
})
