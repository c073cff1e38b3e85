import { findLostOf } from '../agents/connection-repository.js'
import { announcePresence } from '../agents/presence-changes.js'
import type { Database, OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { RowByRow, type Take } from '../db/row-by-row.js'
import { updateRows } from '../db/rows.js'
import type { DomainEvent } from '../events/event-types.js'
import { emit } from '../events/outbox.js'
import { type Clock, later, minutes } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import { lockAgents, releaseCapacity, resetDailyProfiles } from './capacity.js'
import { endUnanswered } from './consults.js'
import { dueAt } from './due-times.js'
import { phaseOf } from './lifecycle.js'
import { reclaimWork } from './reclaim.js'
import { findDue, lockConversations } from './repository.js'
import type { ConversationService } from './service.js'

const batchSize = 100

/** Does what is due by time: offers, transfers and invitations that ran out, wrap-up that stops holding capacity, conversations that close, work of agents who are gone. */
export class ConversationTimers {
  private readonly rows: RowByRow
  private readonly startedAt: Date

  constructor(
    private readonly parts: {
      db: Database
      clock: Clock
      conversations: ConversationService
      /** Does what the timeout rules say */
      actOnSilence(tx: OrgTx, rows: readonly Conversation[], now: Date): Promise<void>
      log: Logger
    },
  ) {
    this.rows = new RowByRow({ ...parts, lane: 'timers' })
    this.startedAt = parts.clock.now()
  }

  get leftOut(): number {
    return this.rows.leftOut
  }

  async drain(orgId: string, signal: AbortSignal): Promise<void> {
    await this.drainOf(orgId, signal, (tx, take) => this.doDue(tx, take))
    const { startedAt } = this
    const parts = { conversations: this.parts.conversations, startedAt }
    await this.drainOf(orgId, signal, (tx, take) =>
      reclaimWork(tx, take, { ...parts, now: this.parts.clock.now() }),
    )
  }

  private async drainOf(
    orgId: string,
    signal: AbortSignal,
    step: (tx: OrgTx, take: Take) => Promise<number>,
  ): Promise<void> {
    while (!signal.aborted) {
      const handled = await this.rows.work(batchSize, (take) =>
        this.parts.db.inOrg(orgId, (tx) => step(tx, take)),
      )
      if (handled < batchSize) return
    }
  }

  private async doDue(tx: OrgTx, take: Take): Promise<number> {
    const { clock, conversations } = this.parts
    const now = clock.now()
    const [ids, hasNewDay] = await Promise.all([findDue(tx, now, take), resetDailyProfiles(tx, now)])
    if (hasNewDay) emit(tx, [routingWanted(now)])
    take.took(ids)
    const rows = await lockConversations(tx, ids)
    // Another process may have done it while we waited for the lock
    const due = rows.filter((row) => row.dueAt && row.dueAt <= now)
    const expired = due.filter((row) => isOfferExpired(row, now))
    const closing = due.filter(
      (row) => !isOfferExpired(row, now) && row.closesAt && row.closesAt <= now && !isBlocking(row, now),
    )
    const unanswered = due.filter((row) => isTransferExpired(row, now) && !closing.includes(row))
    const releasing = due.filter(
      (row) => row.releaseUnitsAt && row.releaseUnitsAt <= now && !closing.includes(row),
    )
    const silent = due.filter(
      (row) =>
        isTimedOut(row, now) && ![expired, unanswered, closing, releasing].some((rows) => rows.includes(row)),
    )
    await endUnanswered(tx, due, now)
    await this.releaseUnits(tx, releasing, now)
    await this.parts.actOnSilence(tx, silent, now)
    await conversations.changeAll(tx, expired.filter(isTheirs), { type: 'auto_accepted' }, now)
    await this.endOffers(tx, expired.filter(isLost), now)
    await this.endTransfers(tx, unanswered, now)
    await conversations.changeAll(tx, closing, { type: 'auto_closed' }, now)
    return rows.length
  }

  /**
   * An offer counts as a decline when its time is over, unless the agent has no connection then: it waits some minutes for
   * it to come back, and after that is given back (domain.md 6.1).
   */
  private async endOffers(tx: OrgTx, rows: readonly Conversation[], now: Date): Promise<void> {
    if (rows.length === 0) return
    const lost = await findLostOf(
      tx,
      rows.flatMap(({ agentId }) => agentId ?? []),
    )
    const isUnseen = ({ agentId }: Conversation): boolean => lost.has(agentId ?? '')
    const unseen = rows.filter((row) => isUnseen(row) && !row.offerUnseen).map((row) => postponed(row, now))
    const gone = rows.filter((row) => isUnseen(row) && row.offerUnseen)
    const declined = rows.filter((row) => !isUnseen(row))
    const { conversations } = this.parts
    await updateRows(tx, 'conversations', unseen, ['offerUnseen', 'offerExpiresAt', 'dueAt'])
    await conversations.changeAll(tx, gone, { type: 'agent_left' }, now)
    await conversations.changeAll(tx, declined, { type: 'offer_expired' }, now)
  }

  /** One that becomes the other agent's by itself does so within the limit of sessions. */
  private async endTransfers(tx: OrgTx, rows: readonly Conversation[], now: Date): Promise<void> {
    const { conversations } = this.parts
    const theirs = rows.filter(isTheirs)
    const concerned = theirs.flatMap(({ agentId, transferAgentId }) => [agentId ?? '', transferAgentId ?? ''])
    const free = theirs.length > 0 ? await lockAgents(tx, concerned) : new Set<string>()
    const taken = theirs.filter(({ transferAgentId }) => free.has(transferAgentId ?? ''))
    const left = rows.filter((row) => !taken.includes(row))
    await conversations.changeAll(tx, taken, { type: 'transfer_accepted' }, now)
    await conversations.changeAll(tx, left, { type: 'transfer_expired' }, now)
  }

  private async releaseUnits(tx: OrgTx, rows: Conversation[], now: Date): Promise<void> {
    if (rows.length === 0) return
    await releaseCapacity(
      tx,
      rows.map((row) => ({
        agentId: row.agentId ?? '',
        units: row.heldUnits,
        profileIds: row.heldProfileIds,
      })),
      now,
    )
    for (const row of rows) {
      const after = { ...row, releaseUnitsAt: null }
      const data = { heldUnits: 0, heldProfileIds: [], releaseUnitsAt: null, dueAt: dueAt(after) }
      await tx.conversation.updateMany({ where: { id: row.id }, data })
    }
    await announcePresence(tx, now)
    emit(tx, [routingWanted(now)])
  }
}

const isTimedOut = ({ timeoutAt }: Conversation, now: Date): boolean => timeoutAt !== null && timeoutAt <= now

const routingWanted = (at: Date): DomainEvent => ({
  type: 'routing.wanted',
  at,
  queueId: null,
  agentIds: [],
  data: {},
})

const isOfferExpired = (row: Conversation, now: Date): boolean =>
  phaseOf(row) === 'offered' && row.offerExpiresAt !== null && row.offerExpiresAt <= now

const waitsUnseen = minutes(8)

function postponed(row: Conversation, now: Date): Conversation {
  const after = { ...row, offerUnseen: true, offerExpiresAt: later(now, waitsUnseen) }
  return { ...after, dueAt: dueAt(after) }
}

/** By its template it becomes the agent's when its time is over. */
const isTheirs = ({ offerAutoAssign }: Conversation): boolean => offerAutoAssign
const isLost = ({ offerAutoAssign }: Conversation): boolean => !offerAutoAssign

const isTransferExpired = (row: Conversation, now: Date): boolean =>
  phaseOf(row) === 'transferring' && row.transferExpiresAt !== null && row.transferExpiresAt <= now

// Where the block of wrap-up is longer than the time to close, the block wins (domain.md 2.4)
const isBlocking = (row: Conversation, now: Date): boolean =>
  row.releaseUnitsAt !== null && row.releaseUnitsAt > now
