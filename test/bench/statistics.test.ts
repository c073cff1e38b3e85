import { describe, expect, test } from 'vitest'
import { median, percentile } from '../../src/bench/statistics.js'

describe('the median', () => {
  test('is the middle of three runs, whatever their order', () => {
    expect(median([900, 100, 500])).toBe(500)
  })

  test('is between the middle two of four runs', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })

  test('of no runs is not a number', () => {
    expect(median([])).toBeNaN()
  })
})

describe('a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

  test('p99 of a hundred times is the one that a single time exceeds', () => {
    expect(percentile(hundred, 0.99)).toBe(99)
  })

  test('p50 of a hundred times is the fiftieth', () => {
    expect(percentile(hundred, 0.5)).toBe(50)
  })

  test('of one time is that time', () => {
    expect(percentile([7], 0.99)).toBe(7)
  })

  test('leaves the times in their order', () => {
    const times = [3, 1, 2]

    percentile(times, 0.5)

    expect(times).toEqual([3, 1, 2])
  })
})
