import type { OrgTx } from '../db/database.js'
import { seconds } from '../lib/clock.js'
import { findActiveTriggers } from './repository.js'

const freshFor = seconds(1)
const mostKnown = 10_000

/**
 * Which triggers have an active message, by organization: most have none, and their steps must cost nothing. Remembered
 * for a second, which is how long another process may go on after a change.
 */
export class ActiveTriggers {
  private readonly known = new Map<string, { until: number; triggers: ReadonlySet<string> }>()

  async of(tx: OrgTx): Promise<ReadonlySet<string>> {
    const remembered = this.known.get(tx.orgId)
    if (remembered && remembered.until > performance.now()) return remembered.triggers
    const triggers = await findActiveTriggers(tx)
    if (this.known.size >= mostKnown) this.known.clear()
    this.known.set(tx.orgId, { until: performance.now() + freshFor, triggers })
    return triggers
  }

  forget(orgId: string): void {
    this.known.delete(orgId)
  }
}
