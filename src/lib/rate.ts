/** What is older than this hardly counts any more */
const memoryMs = 250

/** How many of something come per second, of late. */
export class Rate {
  private weight = 0
  private seenAt = 0

  /** @param now milliseconds of a clock that never goes back */
  add(count: number, now: number): void {
    this.weight = this.weightAt(now) + count
    this.seenAt = now
  }

  perSecond(now: number): number {
    return (this.weightAt(now) / memoryMs) * 1000
  }

  private weightAt(now: number): number {
    return this.weight * Math.exp((this.seenAt - now) / memoryMs)
  }
}
