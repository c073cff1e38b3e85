import { setTimeout as pause } from 'node:timers/promises'

interface Entry<Item, Result> {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * Does work that comes in floods at a bounded pace. For each key at most one batch is under way, the next one begins no
 * sooner than `pauseMs()` after it, and it takes everything that was added until then: the first item never waits, the
 * last one is never left out, and what a batch looks at is never older than the adding of its items.
 */
export class PacedBatches<Item, Result> {
  private readonly waiting = new Map<string, Entry<Item, Result>[]>()

  /** @param work answers one result for each item, in order; if it throws, all items of the batch fail */
  constructor(
    private readonly work: (key: string, items: Item[]) => Promise<Result[]>,
    private readonly pauseMs: () => number,
  ) {}

  add(key: string, item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const entry = { item, resolve, reject }
      const queue = this.waiting.get(key)
      if (queue) queue.push(entry)
      else void this.run(key, [entry])
    })
  }

  private async run(key: string, queue: Entry<Item, Result>[]): Promise<void> {
    this.waiting.set(key, queue)
    while (queue.length > 0) {
      await this.workOn(key, queue.splice(0))
      const pauseMs = this.pauseMs()
      if (pauseMs > 0) await pause(pauseMs, undefined, { ref: false })
    }
    this.waiting.delete(key)
  }

  private async workOn(key: string, batch: Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await this.work(
        key,
        batch.map(({ item }) => item),
      )
      for (const [index, entry] of batch.entries()) entry.resolve(results[index] as Result)
    } catch (error) {
      for (const entry of batch) entry.reject(error)
    }
  }
}
