import { isUnavailable } from '../db/faults.js'
import { RowByRow } from '../db/row-by-row.js'
import { Batcher } from '../lib/batcher.js'
import { seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import type { Providers } from '../providers/registry.js'
import { type CallLimits, freePlaces } from './call-places.js'
import { type ClaimParts, claimDue } from './claim.js'
import type { Dispatch } from './dispatch.js'
import { noNumber } from './outbox-repository.js'
import { countFault, recordOutcomes, type SendOutcome, toOutcome } from './send-outcomes.js'
import type { Settlement } from './settlement.js'

export interface SendParts extends ClaimParts {
  providers: Providers
  log: Logger
}

/** The calls of one process, "each" an organization. Fewer than the providers' clients have connections. */
const processLimits: CallLimits = { each: 96, together: 512, kept: 32 }
/** The calls of one organization in one process; of each account no more in all processes. */
const accountLimits: CallLimits = { each: 32, together: processLimits.each, kept: 8 }

const maxReceipts = 100
const settlePause = seconds(0.5)
// What several answers free is taken together
const afterCallPause = 5
// So are the slots of numbers, which may send a few messages at once for that
const slotPause = 25
// What is due later than that is found by the sweep
const longestPause = seconds(1)

/** Whether an outcome is committed, and why not. */
type Recorded = { fault?: unknown }

/** What one organization has under way in this process. */
interface Lane {
  calls: Set<Promise<void>>
  receipts: Batcher<SendOutcome, Recorded>
  /** The look for what is due that is under way, and whether it must look once more */
  looking: Promise<void> | null
  isWanted: boolean
  /** Whether the last look may have left something that could be sent at once */
  isMore: boolean
  /** The next look that is planned */
  planned: { at: number; timer: NodeJS.Timeout } | null
  /** The number that was served last */
  after: string
}

/**
 * Sends what is due: commits "sending", calls the provider outside any transaction, commits what became of it. A process
 * that dies in between leaves a message that is "sending": `Settlement` finds out, and never sends twice on a guess.
 * A call that takes long holds up nothing but its own conversation, and an account whose provider is slow nobody else.
 */
export class SendService {
  private readonly lanes = new Map<string, Lane>()
  /** Organizations whose lost answers are looked for, or were just now */
  private readonly settling = new Set<string>()
  private readonly settlements = new Set<Promise<void>>()
  /** Calls under way in this process, and places for those that are being claimed */
  private taken = 0
  private isStopping = false
  private readonly rows: RowByRow

  constructor(
    private readonly parts: SendParts,
    private readonly settlement: Settlement,
  ) {
    this.rows = new RowByRow({ ...parts, lane: 'sending' })
  }

  get leftOut(): number {
    return this.rows.leftOut
  }

  /** Starts the calls that are due; they go on after it has answered. */
  async drain(orgId: string): Promise<void> {
    this.settleSometimes(orgId)
    await this.look(orgId)
  }

  /** Starts no more calls, and answers when what became of the last one is committed. */
  async finish(): Promise<void> {
    this.isStopping = true
    // A look that had begun may still start calls
    for (let left = this.underWay(); left.length > 0; left = this.underWay()) await Promise.allSettled(left)
  }

  private underWay(): Promise<void>[] {
    const lanes = [...this.lanes.values()].flatMap(({ looking, calls }) => [looking ?? [], ...calls].flat())
    return [...this.settlements, ...lanes]
  }

  /**
   * A lost answer has waited for seconds already: it is not looked for at every wake, and nobody waits for the provider's
   * list, which may not answer at all.
   */
  private settleSometimes(orgId: string): void {
    if (this.settling.has(orgId) || this.isStopping) return
    this.settling.add(orgId)
    const settled: Promise<void> = this.settlement
      .settleDue(orgId, () => this.isStopping)
      .then(() => this.look(orgId))
      .catch((error) =>
        this.parts.log.warn({ err: error, orgId }, 'lost answers were not settled, it repeats'),
      )
      .finally(() => {
        this.settlements.delete(settled)
        setTimeout(() => this.settling.delete(orgId), settlePause).unref()
      })
    this.settlements.add(settled)
  }

  /** Answers when whatever is due now has been claimed, as far as there is room. */
  private async look(orgId: string): Promise<void> {
    if (this.isStopping) return
    const lane = this.laneOf(orgId)
    lane.isWanted = true
    lane.looking ??= this.claimAll(orgId, lane)
    await lane.looking
  }

  private async claimAll(orgId: string, lane: Lane): Promise<void> {
    try {
      while ((lane.isWanted || lane.isMore) && !this.isStopping) {
        lane.isWanted = false
        await this.claim(orgId, lane)
      }
    } finally {
      lane.looking = null
      if (lane.calls.size === 0 && !lane.planned) this.lanes.delete(orgId)
    }
  }

  private laneOf(orgId: string): Lane {
    const existing = this.lanes.get(orgId)
    if (existing) return existing
    const receipts = new Batcher<SendOutcome, Recorded>((outcomes) => this.record(orgId, outcomes), {
      items: maxReceipts,
      enough: 4,
    })
    const lane: Lane = {
      calls: new Set(),
      receipts,
      looking: null,
      isWanted: false,
      isMore: false,
      planned: null,
      after: noNumber,
    }
    this.lanes.set(orgId, lane)
    return lane
  }

  /** As many calls as there is room for. One message that cannot be prepared holds up no other. */
  private async claim(orgId: string, lane: Lane): Promise<void> {
    const limit = freePlaces(lane.calls.size, this.taken, processLimits)
    lane.isMore = false
    if (limit === 0) return this.plan(orgId, lane, afterCallPause)
    let left = limit
    this.taken += limit
    try {
      await this.rows.work(
        limit,
        async (take) => {
          const room = { calls: lane.calls.size, limits: accountLimits, after: lane.after }
          const { found, dispatches, after, isMore, nextSlotAt } = await claimDue(
            this.parts,
            orgId,
            room,
            take,
          )
          for (const dispatch of dispatches) this.start(orgId, lane, dispatch)
          left -= dispatches.length
          lane.after = after
          lane.isMore = isMore
          if (nextSlotAt) this.planSlot(orgId, lane, nextSlotAt)
          return found
        },
        (id) => this.countFault(orgId, id),
      )
    } finally {
      this.taken -= left
    }
  }

  private async countFault(orgId: string, messageId: string): Promise<void> {
    const { db, clock, log } = this.parts
    try {
      const isOver = await db.inOrg(orgId, (tx) => countFault(tx, messageId, clock.now()))
      if (isOver) this.rows.forget(messageId)
    } catch (error) {
      log.error({ err: error, messageId }, 'a failed attempt was not counted')
    }
  }

  /** What has been recorded makes room, and lets the next message of its conversation go. */
  private start(orgId: string, lane: Lane, dispatch: Dispatch): void {
    const call: Promise<void> = this.call(dispatch)
      .then((outcome) => lane.receipts.add(outcome))
      .catch((fault: unknown): Recorded => ({ fault }))
      .then(({ fault }) => {
        const messageId = dispatch.message.id
        // Left as "sending": its answer counts as lost, and is settled
        if (fault) this.parts.log.error({ err: fault, messageId }, 'a provider’s answer was not recorded')
        lane.calls.delete(call)
        this.taken -= 1
        this.plan(orgId, lane, afterCallPause)
      })
    lane.calls.add(call)
  }

  private planSlot(orgId: string, lane: Lane, at: Date): void {
    const wait = at.getTime() - this.parts.clock.now().getTime()
    this.plan(orgId, lane, Math.max(wait, slotPause))
  }

  /** Looks again after this pause, if nothing sooner is planned. */
  private plan(orgId: string, lane: Lane, pause: number): void {
    if (this.isStopping || pause > longestPause) return
    const at = performance.now() + pause
    if (lane.planned && lane.planned.at <= at) return
    clearTimeout(lane.planned?.timer)
    const timer = setTimeout(() => {
      lane.planned = null
      this.look(orgId).catch((error) =>
        this.parts.log.warn({ err: error, orgId }, 'what is due is found by the sweep'),
      )
    }, pause)
    lane.planned = { at, timer }
  }

  private async call({ message, account, outbound }: Dispatch): Promise<SendOutcome> {
    const now = this.parts.clock.now()
    try {
      const receipt = await this.parts.providers[account.provider].send(outbound, account.credentials, now)
      return { kind: 'taken', messageId: message.id, receipt }
    } catch (error) {
      return toOutcome(message, error, this.parts.log)
    }
  }

  /** Where the database refuses several, each by itself: one that cannot be recorded loses nobody else's answer. */
  private async record(orgId: string, outcomes: SendOutcome[]): Promise<Recorded[]> {
    const commit = (some: SendOutcome[]) =>
      this.parts.db.inOrg(orgId, (tx) => recordOutcomes(tx, some, this.parts.clock.now()))
    try {
      await commit(outcomes)
      return outcomes.map(() => ({}))
    } catch (error) {
      if (outcomes.length === 1 || isUnavailable(error)) throw error
    }
    const recorded: Recorded[] = []
    for (const outcome of outcomes)
      recorded.push(
        await commit([outcome]).then(
          () => ({}),
          (fault: unknown) => ({ fault }),
        ),
      )
    return recorded
  }
}
