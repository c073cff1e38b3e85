import { changeConversation } from '../conversations/change.js'
import { recordChanges } from '../conversations/record.js'
import { findTerms, lockConversations } from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import type { Database, OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { RowByRow, type Take } from '../db/row-by-row.js'
import type { Clock } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import { Pass } from './assigner.js'
import { demandIdOf } from './demand.js'
import { type Fact, matchRules, type RoutingFacts } from './match-rules.js'
import { findContactFacts, findPlans, findUnrouted, type RoutingPlan } from './repository.js'

const batchSize = 100
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
  ) {
    this.rows = new RowByRow({ clock, log, lane: 'routing' })
  }

  get leftOut(): number {
    return this.rows.leftOut
  }

  async drain(orgId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const routed = await this.rows.work(batchSize, (take) =>
        this.db.inOrg({ orgId, lock }, (tx) => this.routeBatch(tx, take)),
      )
      if (routed < batchSize) break
    }
    const pass = new Pass()
    while (!signal.aborted && !pass.isOver) {
      await this.rows.work(batchSize, (take) =>
        this.db.inOrg({ orgId, lock }, (tx) => pass.assignBatch(tx, take, this.clock.now())),
      )
    }
  }

  /** Puts conversations that have no queue yet into one, and answers how many. */
  private async routeBatch(tx: OrgTx, take: Take): Promise<number> {
    const ids = await findUnrouted(tx, take)
    take.took(ids)
    const rows = await lockConversations(tx, ids)
    const unrouted = rows.filter(({ status, queueId }) => status === 'open' && queueId === null)
    if (unrouted.length === 0) return 0
    const workstreamIds = unrouted.map(({ workstreamId }) => workstreamId)
    const plans = await findPlans(tx, workstreamIds)
    const terms = await findTerms(tx, workstreamIds)
    const contacts = await findContactFacts(
      tx,
      unrouted.flatMap(({ contactId }) => contactId ?? []),
    )
    const now = this.clock.now()
    const changes = unrouted.flatMap((row) => {
      const queueId = this.chooseQueue(
        row,
        plans.get(row.workstreamId),
        contacts.get(row.contactId ?? '') ?? null,
      )
      row.demand = demandIdOf(row)
      return changeConversation(row, { type: 'routed', queueId }, termsOf(terms, row), now) ?? []
    })
    await recordChanges(tx, changes, now)
    return rows.length
  }

  /** The queue of the first rule that matches; the fallback queue where none does or a rule is faulty. */
  private chooseQueue(
    row: Conversation,
    plan: RoutingPlan | undefined,
    contact: RoutingFacts['contact'],
  ): string {
    if (!plan) throw new Error(`Conversation of an unknown workstream ${row.workstreamId}`)
    try {
      return matchRules(plan.rules, factsOf(row, contact))?.queueId ?? plan.fallbackQueueId
    } catch (error) {
      this.log.warn(
        { err: error, conversationId: row.id, workstreamId: row.workstreamId },
        'routing rule failed, fallback queue taken',
      )
      return plan.fallbackQueueId
    }
  }
}

function factsOf(row: Conversation, contact: RoutingFacts['contact']): RoutingFacts {
  const { customerAddress, businessNumber, channel, provider, language, authenticated } = row
  return {
    customerAddress,
    businessNumber,
    channel,
    provider,
    language,
    authenticated,
    contact,
    context: row.context as Record<string, Fact>,
    firstText: row.firstText ?? '',
  }
}
