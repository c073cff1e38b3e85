import { describe, expect, test } from 'vitest'
import { measurements, planOf, readOptions } from '../../src/bench/options.js'

describe('the options of the bench', () => {
  test('without any, everything is measured for eight seconds a figure and bars count', () => {
    const options = readOptions([])

    expect(options).toEqual({
      ...{ only: null, seconds: 8, bars: true, profile: null },
      ...{ size: null, keep: null },
    })
    expect(planOf(options)).toEqual(measurements)
  })

  test('one measurement brings what its ratio is measured against', () => {
    const options = readOptions(['--only', 'latency', '--seconds', '2', '--no-bars'])

    expect(options).toMatchObject({ only: 'latency', seconds: 2, bars: false })
    expect(planOf(options)).toEqual(['raw', 'attached', 'latency'])
  })

  test('an unknown measurement is refused with the known ones', () => {
    expect(() => readOptions(['--only', 'speed'])).toThrow(
      'idle, streams, acknowledged, raw, attached, latency, sends, lists, assignment',
    )
  })

  test('an unknown option is refused with those that there are', () => {
    expect(() => readOptions(['--fast'])).toThrow(/'--fast'.*npm run bench -- \[options\]/s)
  })

  test.each(['0', 'soon', '601', ''])('a duration of "%s" is refused', (seconds) => {
    expect(() => readOptions(['--seconds', seconds])).toThrow('--seconds must be from 1 to 600')
  })

  test('lists are measured on a data set, which has a name', () => {
    expect(() => readOptions(['--only', 'lists'])).toThrow('--only lists needs --size')
    expect(() => readOptions(['--size', 'huge'])).toThrow('--size knows full and small')
    expect(readOptions(['--only', 'lists', '--size', 'small'])).toMatchObject({
      only: 'lists',
      size: 'small',
    })
  })

  test('an option that does not exist is refused', () => {
    expect(() => readOptions(['--fast'])).toThrow('--fast')
  })
})
