interface Entry<Item, Result> {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * Commits together what arrives together: while one batch is being written, the next one gathers. One commit then serves
 * as many items as arrived during the one before it, and nobody waits for a timer.
 */
export class Batcher<Item, Result> {
  private waiting: Entry<Item, Result>[] = []
  private isWriting = false
  /** How many items the batch that is being written, or the last one, has */
  private size = 0

  /** @param write answers one result for each item, in order; if it throws, all items of the batch fail */
  constructor(
    private readonly write: (items: Item[]) => Promise<Result[]>,
    private readonly maxItems: number,
  ) {}

  /** Resolves when the batch with this item is written. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject })
      if (!this.isWriting) void this.run()
    })
  }

  /** How many items arrive together: the measure of how busy this is. */
  get pressure(): number {
    return this.isWriting ? Math.max(this.size, this.waiting.length) : 0
  }

  private async run(): Promise<void> {
    this.isWriting = true
    // Requests that the event loop has already read join the first batch
    await new Promise(setImmediate)
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.maxItems)
      this.size = batch.length
      await this.writeBatch(batch)
    }
    this.isWriting = false
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
