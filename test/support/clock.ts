import type { Clock } from '../../src/lib/clock.js'

/** A clock that runs like any other, until a test moves it forward or holds it at a moment. */
export class TestClock implements Clock {
  private ahead = 0
  private held: Date | null = null

  now(): Date {
    return this.held ?? new Date(Date.now() + this.ahead)
  }

  forward(milliseconds: number): void {
    if (this.held) this.held = new Date(this.held.getTime() + milliseconds)
    else this.ahead += milliseconds
  }

  /** From now on it always is this moment. */
  holdAt(moment: Date): void {
    this.held = moment
  }

  /** The time of everybody else again: a simulated provider has no other. */
  backToNow(): void {
    this.held = null
    this.ahead = 0
  }

  /** Runs on from the moment at which it was held. */
  runOn(): void {
    if (this.held) this.ahead = this.held.getTime() - Date.now()
    this.held = null
  }
}
