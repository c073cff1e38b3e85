import { describe, expect, it } from 'vitest'
import { Batcher } from '../../src/lib/batcher.js'

/** A batcher whose writing ends when it is told to, and the batches that it was given. */
function heldBatcher(items = 100) {
  const batches: number[][] = []
  const endings: (() => void)[] = []
  const batcher = new Batcher<number, number>(
    (batch) =>
      new Promise((resolve) => {
        batches.push(batch)
        endings.push(() => resolve(batch.map((item) => item * 10)))
      }),
    { items, enough: 1 },
  )
  const written = async (count: number) => {
    await expect.poll(() => endings.length, { interval: 1 }).toBe(count)
    endings.at(-1)?.()
  }
  return { batcher, batches, written }
}

describe('a batcher', () => {
  it('writes together what came while it was writing, and answers each item its own result', async () => {
    const { batcher, batches, written } = heldBatcher()

    const first = batcher.add(1)
    await expect.poll(() => batches.length, { interval: 1 }).toBe(1)
    const others = [batcher.add(2), batcher.add(3)]
    await written(1)
    await written(2)

    expect(await Promise.all([first, ...others])).toEqual([10, 20, 30])
    expect(batches).toEqual([[1], [2, 3]])
  })

  it('writes no more at once than it may', async () => {
    const { batcher, batches, written } = heldBatcher(2)

    const all = Promise.all([1, 2, 3].map((item) => batcher.add(item)))
    await written(1)
    await written(2)

    expect(await all).toEqual([10, 20, 30])
    expect(batches).toEqual([[1, 2], [3]])
  })

  it('fails every item of a batch that could not be written, and goes on', async () => {
    let isAway = true
    const batcher = new Batcher<number, number>(
      async (batch) => {
        if (isAway) throw new Error('away')
        return batch
      },
      { items: 100, enough: 1 },
    )

    const failed = await Promise.allSettled([batcher.add(1), batcher.add(2)])
    isAway = false

    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await batcher.add(3)).toBe(3)
  })
})
