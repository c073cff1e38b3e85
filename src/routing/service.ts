import { type Capacity, claimCapacity } from '../conversations/capacity.js'
import { type ConversationChange, capacityOf, changeConversation } from '../conversations/change.js'
import { recordChanges } from '../conversations/record.js'
import { findTerms, lockConversations } from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import type { Database, OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { RowByRow, type Take } from '../db/row-by-row.js'
import type { Clock } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import { type Candidate, chooseAgent } from './choose-agent.js'
import { type Fact, matchRules, type RoutingFacts } from './match-rules.js'
import {
  findCandidates,
  findContactFacts,
  findHistories,
  findPlaces,
  findPlans,
  findQueued,
  findUnrouted,
  type History,
  type QueuedItem,
  type RoutingPlan,
} from './repository.js'

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
    let after: QueuedItem | null = null
    while (!signal.aborted) {
      const looked = await this.rows.work(batchSize, async (take) => {
        const items = await this.db.inOrg({ orgId, lock }, (tx) => this.assignBatch(tx, after, take))
        after = items.at(-1) ?? after
        return items.length
      })
      if (looked < batchSize) break
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

  /** Offers what waits after the given place, and answers what it looked at: nothing where nobody is free. */
  private async assignBatch(tx: OrgTx, after: QueuedItem | null, take: Take): Promise<QueuedItem[]> {
    const candidates = await findCandidates(tx)
    const queueIds = [...new Set(candidates.flatMap((candidate) => [...candidate.queueIds]))]
    if (queueIds.length === 0) return []
    const items = await findQueued(tx, queueIds, after, take)
    if (items.length === 0) return []
    const ids = items.map(({ id }) => id)
    take.took(ids)
    const rows = new Map((await lockConversations(tx, ids)).map((row) => [row.id, row]))
    const [histories, places] = [
      await findHistories(tx, ids),
      await findPlaces(
        tx,
        [...rows.values()].flatMap(({ capacityProfileIds }) => capacityProfileIds),
      ),
    ]
    const offers = new Offers(tx, withPlaces(candidates, places), this.clock.now())
    for (const item of items) {
      const row = rows.get(item.id)
      if (!row) continue
      // What a deleted profile asked for is asked for in units
      row.capacityProfileIds = row.capacityProfileIds.filter((id) => places.has(id))
      if (row.status === 'open' && row.queueId) await offers.add(item, row, histories.get(item.id))
    }
    await offers.record()
    return items
  }
}

/** The offers of one pass: what each takes from an agent counts for the next. */
class Offers {
  private readonly chosen: { row: Conversation; agentId: string }[] = []

  constructor(
    private readonly tx: OrgTx,
    private candidates: Candidate[],
    private readonly now: Date,
  ) {}

  async add(
    { units, keepSameAgent }: QueuedItem,
    row: Conversation,
    history: History | undefined,
  ): Promise<void> {
    const capacity = capacityOf(row, { capacityUnits: units })
    const item = {
      ...capacity,
      queueId: row.queueId ?? '',
      lastAgentId: keepSameAgent ? (history?.lastAgentId ?? null) : null,
      declines: history?.declines ?? new Map(),
    }
    for (;;) {
      const choice = chooseAgent(item, this.candidates, this.now)
      if (choice.kind === 'queued') return
      const { agentId } = choice
      if (await claimCapacity(this.tx, { ...capacity, agentId, now: this.now })) {
        this.chosen.push({ row, agentId })
        this.take(agentId, capacity)
        return
      }
      this.candidates = this.candidates.filter((candidate) => candidate.agentId !== agentId)
    }
  }

  async record(): Promise<void> {
    const terms = await findTerms(
      this.tx,
      this.chosen.map(({ row }) => row.workstreamId),
    )
    const changes: ConversationChange[] = this.chosen.flatMap(
      ({ row, agentId }) =>
        changeConversation(row, { type: 'offered', agentId }, termsOf(terms, row), this.now) ?? [],
    )
    await recordChanges(this.tx, changes, this.now)
  }

  private take(agentId: string, { units, profileIds }: Capacity): void {
    this.candidates = this.candidates.map((candidate) => {
      if (candidate.agentId !== agentId) return candidate
      const places = new Map(candidate.places)
      for (const id of profileIds) places.set(id, (places.get(id) ?? 0) - 1)
      return { ...candidate, freeUnits: candidate.freeUnits - units, places, lastAssignedAt: this.now }
    })
  }
}

const withPlaces = (
  candidates: readonly Candidate[],
  byProfile: ReadonlyMap<string, ReadonlyMap<string, number>>,
): Candidate[] =>
  candidates.map((candidate) => ({
    ...candidate,
    places: new Map([...byProfile].map(([id, places]) => [id, places.get(candidate.agentId) ?? 0])),
  }))

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
