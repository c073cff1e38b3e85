interface Entry<Item, Result> {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * Commits together what arrives together: while batches are being written, the next one gathers. One commit then serves
 * as many items as arrived during the one before it, and nobody waits for a timer.
 */
export class Batcher<Item, Result> {
  private waiting: Entry<Item, Result>[] = []
  private writers = 0
  private writing = 0

  /**
   * @param write answers one result for each item, in order; if it throws, all items of the batch fail
   * @param limits.writers how many batches may be written at once; with more than one, a batch may overtake another
   */
  constructor(
    private readonly write: (items: Item[]) => Promise<Result[]>,
    private readonly limits: { items: number; writers: number },
  ) {}

  /** Resolves when the batch with this item is written. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject })
      if (this.writers < this.limits.writers) void this.run()
    })
  }

  /** How many items are on their way: the measure of how busy this is. */
  get pressure(): number {
    return this.waiting.length + this.writing
  }

  private async run(): Promise<void> {
    this.writers += 1
    // Requests that the event loop has already read join the batch
    await new Promise(setImmediate)
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.limits.items)
      this.writing += batch.length
      await this.writeBatch(batch)
      this.writing -= batch.length
    }
    this.writers -= 1
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
