import { describe, expect, test } from 'vitest'
import { type Figure, judge, onTheDataSet } from '../../src/bench/figures.js'
import { missedBars, resultsOf, tableOf } from '../../src/bench/report.js'

const surroundings = {
  at: '2026-11-21T10:00:00.000Z',
  node: 'v20.20.2',
  cpu: 'a processor',
  cores: 2,
  postgres: '18.4',
  jobs: 'postgresql' as const,
  seconds: 8,
}

const figures: Figure[] = [
  judge({ name: 'raw', value: 8000 }),
  judge({
    name: 'acknowledged',
    value: 2000,
    limit: { name: 'bare', value: 10_000 },
    ratio: 0.36,
    detail: { runs: [1, 2] },
  }),
  judge({ name: 'attached_known', value: 299, limit: { name: 'raw', value: 8000 } }),
  judge({ name: 'latency_p99', value: 60 }),
]

describe('a figure', () => {
  test('whose bar is a ratio is judged by the ratio of the pairs, not by the value', () => {
    expect(figures[1]).toMatchObject({ ratio: 0.36, isMet: true })
  })

  test('one below its bar misses it', () => {
    expect(figures[2]?.isMet).toBe(false)
  })

  test('a time that is exactly its bar meets it', () => {
    expect(figures[3]?.isMet).toBe(true)
  })

  test('without a bar is neither met nor missed', () => {
    expect(figures[0]?.isMet).toBeNull()
  })

  test('has its share of the limit as ratio', () => {
    expect(figures[2]?.ratio).toBeCloseTo(0.0374, 4)
  })
})

describe('a figure on the data set', () => {
  const rated = (value: number, runs: number[]) =>
    judge({ name: 'attached_known', value, limit: { name: 'raw', value: 10_000 }, detail: { runs } })

  test('is judged by what each round says, not by rounds that were minutes apart', () => {
    const [figure] = onTheDataSet([rated(1900, [1900, 950, 2850])], [rated(2500, [2000, 1000, 3000])])

    expect(figure).toMatchObject({ name: 'attached_known_on_data_set', isMet: true })
    expect(figure?.ratio).toBeCloseTo(0.95, 4)
  })

  test('misses its bar where it is more than a tenth worse in most rounds', () => {
    const [figure] = onTheDataSet([rated(2000, [1700, 2000, 2800])], [rated(2000, [2000, 2400, 2000])])

    expect(figure?.isMet).toBe(false)
  })
})

describe('the report', () => {
  test('names the bars that were missed', () => {
    expect(missedBars(figures)).toEqual(['Messages attached, 1,000 known senders'])
  })

  test('has a row for each figure with its ratio, limit and bar', () => {
    const lines = tableOf(figures).split('\n')

    expect(lines).toHaveLength(5)
    expect(lines[1]).toMatch(/^One-row inserts committed from 32 connections +8,000 \/s$/)
    expect(lines[2]).toMatch(/2,000 \/s +0\.360 +bare 10,000 \/s +≥ 0\.35 of it +met$/)
    expect(lines[3]).toMatch(/299 \/s +0\.037 +raw 8,000 \/s +≥ 0\.12 of it +MISSED$/)
    expect(lines[4]).toMatch(/60 ms +≤ 60 ms +met$/)
  })

  test('is JSON that tells where it was measured and whether every bar was met', () => {
    const results = JSON.parse(resultsOf(surroundings, figures))

    expect(results).toMatchObject({ cores: 2, jobs: 'postgresql', met: false })
    expect(Object.keys(results.figures)).toEqual(['raw', 'acknowledged', 'attached_known', 'latency_p99'])
    expect(results.figures.acknowledged).toEqual({
      title: 'Callbacks acknowledged while the worker attaches',
      value: 2000,
      unit: '/s',
      limit: { name: 'bare', value: 10_000 },
      ratio: 0.36,
      bar: { of: 'ratio', atLeast: 0.35 },
      met: true,
      detail: { runs: [1, 2] },
    })
    expect(results.figures.raw).toMatchObject({ limit: null, ratio: null, bar: null, met: null })
  })
})
