import type { ConversationService } from '../conversations/service.js'
import type { Database, OrgTx } from '../db/database.js'
import type { BulkAction } from '../db/generated/client.js'
import { RowByRow, type Take } from '../db/row-by-row.js'
import { emit } from '../events/outbox.js'
import type { Clock } from '../lib/clock.js'
import { AppError } from '../lib/errors.js'
import type { Logger } from '../lib/logger.js'
import type { SupervisionService } from '../supervision/service.js'
import { presentBulkAction } from './present.js'
import {
  findNextItem,
  getBulkAction,
  type Item,
  lockWaiting,
  type Outcome,
  saveOutcome,
} from './repository.js'
import type { BulkWork } from './schemas.js'
import { messageCustomer, notifyAgents } from './speaking.js'

/** So many in one look; the sweep asks for the next within a second, when others have had their turn. */
const mostInALook = 100

interface Parts {
  db: Database
  clock: Clock
  log: Logger
  conversations: ConversationService
  supervision: SupervisionService
}

/**
 * Does what bulk actions ask for, one conversation after the other, each in a unit of work of its own that also says that
 * it is done: whoever dies in between has done it and said so, or neither.
 */
export class BulkActionWorker {
  private readonly rows: RowByRow

  constructor(private readonly parts: Parts) {
    this.rows = new RowByRow({ ...parts, lane: 'bulk' })
  }

  get leftOut(): number {
    return this.rows.leftOut
  }

  async drain(orgId: string, signal: AbortSignal): Promise<void> {
    for (let looked = 0; looked < mostInALook && !signal.aborted; looked++)
      if ((await this.rows.work(1, (take) => this.doNext(orgId, take))) === 0) return
  }

  private async doNext(orgId: string, { except, took }: Take): Promise<number> {
    const { db } = this.parts
    const item = await db.inOrg(orgId, (tx) => findNextItem(tx, except))
    if (!item) return 0
    took([item.id])
    try {
      await db.inOrg(orgId, async (tx) => {
        if (!(await lockWaiting(tx, item.id))) return
        await this.act(tx, await getBulkAction(tx, item.bulkActionId, null), item.conversationId)
        await this.settle(tx, item, { status: 'done', errorCode: null, errorMessage: null })
      })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const refusal: Outcome = { status: 'failed', errorCode: error.code, errorMessage: error.message }
      await db.inOrg(orgId, (tx) => this.settle(tx, item, refusal))
    }
    return 1
  }

  /** As whoever asked for it, by the rules of this moment. */
  private async act(tx: OrgTx, { action, ...person }: BulkAction, conversationId: string): Promise<void> {
    const { conversations, supervision, clock } = this.parts
    const work = action as BulkWork
    const spoken = { conversationId, person, now: clock.now() }
    switch (work.type) {
      case 'assign':
        await supervision.assignOne(tx, person, conversationId, work)
        break
      case 'force_close':
        await conversations.closeByForce(tx, person, conversationId)
        break
      case 'message_customer':
        await messageCustomer(tx, conversations, { ...spoken, text: work.text })
        break
      case 'notify_agents':
        await notifyAgents(tx, conversations, { ...spoken, text: work.text })
    }
  }

  private async settle(tx: OrgTx, item: Item, outcome: Outcome): Promise<void> {
    const at = this.parts.clock.now()
    const after = await saveOutcome(tx, item, outcome, at)
    if (!after?.finishedAt) return
    const agentIds = after.agentId ? [after.agentId] : []
    const data = { bulkAction: presentBulkAction(after) }
    emit(tx, [{ type: 'bulk_action.finished', at, queueId: null, agentIds, data }])
  }
}
