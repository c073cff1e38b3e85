import { type Clock, later, minutes, seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import { isUnavailable } from './faults.js'

/** What one step of a lane may take. */
export interface Take {
  limit: number
  /** Rows to leave out */
  except: string[]
  /** To be called with the rows that were taken, before they are worked */
  took(ids: readonly string[]): void
}

const firstPause = seconds(2)
const longestPause = minutes(5)

/**
 * Works rows in batches, one transaction each. Where one row makes its batch fail, each is taken by itself; what fails
 * alone as well is left out for a while, longer each time, so that it holds up nobody else. What is left out is kept in
 * this process only: another one finds out for itself.
 */
export class RowByRow {
  private readonly failed = new Map<string, { times: number; until: Date }>()

  /** @param parts.lane whose rows they are, for the log */
  constructor(private readonly parts: { clock: Clock; log: Logger; lane: string }) {}

  /** How many rows are left out now. */
  get leftOut(): number {
    return this.except().length
  }

  /**
   * @param step one transaction that works what it may take, and answers how many rows there were
   * @param onFault what else is to be done about a row that failed by itself
   * @returns how many rows there were; fewer than `limit` where nothing more is due
   */
  async work(
    limit: number,
    step: (take: Take) => Promise<number>,
    onFault?: (id: string, error: unknown) => Promise<void>,
  ): Promise<number> {
    const found = await this.attempt(limit, step, onFault)
    if (found !== null) return found
    for (let taken = 0; taken < limit; taken++) if ((await this.attempt(1, step, onFault)) === 0) return taken
    return limit
  }

  /** A row that failed on its own, outside `work`. */
  leaveOut(id: string, error: unknown): void {
    const times = (this.failed.get(id)?.times ?? 0) + 1
    const until = later(this.parts.clock.now(), Math.min(firstPause * 2 ** (times - 1), longestPause))
    this.failed.set(id, { times, until })
    this.parts.log.error(
      { err: error, lane: this.parts.lane, rowId: id, times },
      'a row could not be worked and is left out for a while',
    )
  }

  /** The row is no longer due as it was. */
  forget(id: string): void {
    this.failed.delete(id)
  }

  /** Null where it was several rows that failed. */
  private async attempt(
    limit: number,
    step: (take: Take) => Promise<number>,
    onFault?: (id: string, error: unknown) => Promise<void>,
  ): Promise<number | null> {
    let ids: readonly string[] = []
    const took = (own: readonly string[]) => {
      ids = own
    }
    try {
      return await step({ limit, except: this.except(), took })
    } catch (error) {
      const [id, ...others] = ids
      if (!id || isUnavailable(error)) throw error
      if (others.length > 0) {
        this.parts.log.warn(
          { err: error, lane: this.parts.lane },
          'a batch failed, each row is taken by itself',
        )
        return null
      }
      this.leaveOut(id, error)
      await onFault?.(id, error)
      return 1
    }
  }

  /** Forgets those that were tried again long ago and have not failed since. */
  private except(): string[] {
    const now = this.parts.clock.now()
    for (const [id, { until }] of this.failed) if (later(until, longestPause) <= now) this.failed.delete(id)
    return [...this.failed].flatMap(([id, { until }]) => (until > now ? id : []))
  }
}
