import { setTimeout as pause } from 'node:timers/promises'

const gatherMs = 2

interface Entry<Item, Result> {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * Commits together what arrives together: while one batch is being written, the next one gathers. One commit then serves
 * as many items as arrived during the one before it.
 */
export class Batcher<Item, Result> {
  private waiting: Entry<Item, Result>[] = []
  private writing = 0
  private isRunning = false

  /**
   * @param write answers one result for each item, in order; if it throws, all items of the batch fail
   * @param limits.items at most as many in a batch
   * @param limits.enough a batch with fewer waits two milliseconds for more: commits cost more than that
   */
  constructor(
    private readonly write: (items: Item[]) => Promise<Result[]>,
    private readonly limits: { items: number; enough: number },
  ) {}

  /** Resolves when the batch with this item is written. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject })
      if (!this.isRunning) void this.run()
    })
  }

  /** How many items have no result yet. */
  get size(): number {
    return this.waiting.length + this.writing
  }

  private async run(): Promise<void> {
    this.isRunning = true
    // Requests that the event loop has already read join the batch
    await new Promise(setImmediate)
    while (this.waiting.length > 0) {
      if (this.waiting.length < this.limits.enough) await pause(gatherMs)
      const batch = this.waiting.splice(0, this.limits.items)
      this.writing = batch.length
      await this.writeBatch(batch)
      this.writing = 0
    }
    this.isRunning = false
  }

  private async writeBatch(batch: Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await this.write(batch.map(({ item }) => item))
      for (const [index, entry] of batch.entries()) entry.resolve(results[index] as Result)
    } catch (error) {
      for (const entry of batch) entry.reject(error)
    }
  }
}
