import type { Database } from '../db/database.js'
import { RowByRow } from '../db/row-by-row.js'
import type { Clock } from '../lib/clock.js'
import { giveWay } from '../lib/give-way.js'
import type { Logger } from '../lib/logger.js'
import { Pass } from './assigner.js'
import { leaveEmptyQueues } from './empty-queue-batch.js'
import { overflowBatch } from './overflow.js'
import { routeBatch } from './router.js'

const batchSize = 100
/** Of what has waited too long, in one pass (domain.md 5.6); the sweep, or what was moved, wakes the next one */
const overflowBatchSize = 20
/** One routing pass at a time in an organization, so that two never weigh the same agents. */
const lock = 'routing'

/**
 * Leads conversations to queues by rules, and from queues to agents by offers. A pass looks at what is due in the
 * database, so it may run at any time, twice, or late.
 */
export class RoutingService {
  private readonly rows: RowByRow

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly log: Logger,
    /** Whether more messages come than are attached at once: they go first */
    private readonly isFlood: () => boolean = () => false,
  ) {
    this.rows = new RowByRow({ clock, log, lane: 'routing' })
  }

  get leftOut(): number {
    return this.rows.leftOut
  }

  async drain(orgId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await giveWay(this.isFlood)
      const routed = await this.rows.work(batchSize, (take) =>
        this.db.inOrg({ orgId, lock }, (tx) =>
          routeBatch(tx, take, { now: this.clock.now(), log: this.log }),
        ),
      )
      if (routed < batchSize) break
    }
    await this.rows.work(batchSize, (take) =>
      this.db.inOrg({ orgId, lock }, async (tx) => {
        const now = this.clock.now()
        const limit = Math.min(take.limit, overflowBatchSize)
        return (await leaveEmptyQueues(tx, take, now)) || overflowBatch(tx, { ...take, limit }, now)
      }),
    )
    const pass = new Pass()
    while (!signal.aborted && !pass.isOver) {
      await this.rows.work(batchSize, async (take) => {
        const looked = await this.db.inOrg({ orgId, lock }, (tx) =>
          pass.assignBatch(tx, take, this.clock.now()),
        )
        pass.keep()
        return looked
      })
    }
  }
}
