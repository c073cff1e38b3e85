import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { PacedBatches } from '../../src/lib/paced-batches.js'

it('the first item is worked at once, those that come meanwhile together after the pause', async () => {
  const batches: number[][] = []
  const paced = new PacedBatches<number, number>(
    async (_key, items) => {
      batches.push(items)
      return items.map((item) => item * 10)
    },
    () => 20,
  )

  const first = paced.add('key', 1)
  const others = [paced.add('key', 2), paced.add('key', 3)]

  expect(await Promise.all([first, ...others])).toEqual([10, 20, 30])
  expect(batches).toEqual([[1], [2, 3]])
})

it('no more than one batch per pause is worked, whatever comes', async () => {
  let worked = 0
  const paced = new PacedBatches<null, null>(
    async (_key, items) => {
      worked += 1
      return items
    },
    () => 20,
  )

  const ending = Date.now() + 110
  while (Date.now() < ending) {
    void paced.add('key', null)
    await pause(1)
  }

  expect(worked).toBeGreaterThan(1)
  expect(worked).toBeLessThanOrEqual(7)
})

it('keys do not wait for each other', async () => {
  const paced = new PacedBatches<null, string>(
    async (key, items) => items.map(() => key),
    () => 60_000,
  )

  expect(await Promise.all([paced.add('a', null), paced.add('b', null)])).toEqual(['a', 'b'])
})

it('work that fails fails its own batch, and the next one is tried', async () => {
  const paced = new PacedBatches<string, string>(
    async (_key, items) => {
      if (items.includes('bad')) throw new Error('bad')
      return items
    },
    () => 1,
  )

  const bad = paced.add('key', 'bad')
  const good = paced.add('key', 'good')

  await expect(bad).rejects.toThrow('bad')
  expect(await good).toBe('good')
})
