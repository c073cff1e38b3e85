import { setTimeout as pause } from 'node:timers/promises'
import {
  beginAttempt,
  finishCallbacks,
  lockAttempt,
  type PendingCallback,
  postponeCallback,
  setAsideCallbacks,
  type Trust,
  takePendingCallbacks,
} from '../channels/callback-repository.js'
import { atTheEnd } from '../db/at-the-end.js'
import type { Database, OrgTx } from '../db/database.js'
import { faultName, isUnavailable } from '../db/faults.js'
import { type Clock, later, seconds } from '../lib/clock.js'
import { giveWay } from '../lib/give-way.js'
import type { Logger } from '../lib/logger.js'
import type { InboundEvent, InboundIgnored, InboundMessage, InboundStatus } from '../providers/provider.js'
import type { Providers } from '../providers/registry.js'
import { attachMessages } from './attach.js'
import { applyReports } from './reports.js'

/** A callback with what its adapter read in it. */
export interface Understood<Event extends InboundEvent> {
  callback: PendingCallback
  event: Event
}

/** What to do with a callback that could not be used now. */
export type Leftover =
  | { kind: 'set_aside'; callback: PendingCallback; reason: string; detail: string }
  | { kind: 'postpone'; callback: PendingCallback; reason: string; detail: string }

export interface ReceiveParts {
  db: Database
  clock: Clock
  providers: Providers
  log: Logger
  /** Whether many callbacks wait to be answered: that goes first, for one that is late is repeated */
  isPressed: () => boolean
}

const batchSize = 250
const longestRest = 5
/** One drain at a time in an organization: the order of a customer's messages, and no conversation made twice. */
const lock = 'inbound'
// Tried at once and after 2, 6, 14 and 30 seconds: so long a customer's next message waits behind one that fails
const maxAttempts = 5
const retryAfter = seconds(2)

/**
 * Turns stored callbacks into messages and delivery reports. Many at once in one transaction; where one of them makes
 * the transaction fail, each by itself, so that a poisoned one holds up nobody else. By itself means: its attempt is
 * counted and committed before the work, so that one that ends the process, or never ends, is set aside as well. What
 * cannot be used is set aside with its reason and never dropped.
 */
export class ReceiveService {
  /** How many this process has set aside, by reason, for the metrics */
  readonly setAside = new Map<string, number>()
  /** Organizations whose last batch ended without an answer of the database: it may have been one of the callbacks */
  private readonly doubtful = new Set<string>()

  /** Organizations of which more waits than one batch takes */
  private readonly flooded = new Set<string>()

  constructor(private readonly parts: ReceiveParts) {}

  /** Whoever works on conversations lets customers' messages come into them first. */
  get isFlood(): boolean {
    return this.flooded.size > 0
  }

  /** @param afterCrash who worked here last has died over it: nothing is taken together that may have been the cause */
  async drain(orgId: string, signal: AbortSignal, { afterCrash }: { afterCrash: boolean }): Promise<void> {
    let carefully = this.doubtful.delete(orgId) || afterCrash
    try {
      while (!signal.aborted) {
        const began = performance.now()
        const taken = carefully ? await this.takeAllSingly(orgId) : await this.takeBatch(orgId)
        carefully = false
        const milliseconds = performance.now() - began
        if (taken < batchSize) return await this.rest(milliseconds)
        this.flooded.add(orgId)
        await giveWay(this.parts.isPressed)
      }
    } catch (error) {
      this.doubtful.add(orgId)
      throw error
    } finally {
      this.flooded.delete(orgId)
    }
  }

  /** Rests a fifth as long as the last batch took: what comes meanwhile is taken together. */
  private async rest(batchMilliseconds: number): Promise<void> {
    await pause(Math.min(batchMilliseconds / 5, longestRest))
  }

  /** Answers a full batch while there may be more. */
  private async takeBatch(orgId: string): Promise<number> {
    try {
      const { taken, hasDoubtful } = await this.takeTogether(orgId)
      if (!hasDoubtful) return taken
    } catch (error) {
      if (isUnavailable(error)) throw error
      this.parts.log.warn({ err: error, orgId }, 'a batch of callbacks failed, each is taken by itself')
      return this.takeAllSingly(orgId)
    }
    await this.takeSingly(orgId, 'doubtful')
    // What waited behind them may go on
    return batchSize
  }

  private async takeTogether(orgId: string): Promise<{ taken: number; hasDoubtful: boolean }> {
    const { pending, reasons } = await this.parts.db.inOrg({ orgId, lock }, async (tx) => {
      const pending = await takePendingCallbacks(tx, this.parts.clock.now(), batchSize)
      const trusted = pending.filter(({ isDoubtful }) => !isDoubtful)
      return { pending, reasons: await this.apply(tx, trusted) }
    })
    this.count(reasons)
    return { taken: pending.length, hasDoubtful: pending.some(({ isDoubtful }) => isDoubtful) }
  }

  /** One that ends the process again and again stands behind all that have done no harm. */
  private async takeAllSingly(orgId: string): Promise<number> {
    const trusted = await this.takeSingly(orgId, 'trusted')
    const doubtful = await this.takeSingly(orgId, 'doubtful')
    return doubtful > 0 ? batchSize : trusted
  }

  /** As many as a batch, each by itself. */
  private async takeSingly(orgId: string, trust: Trust): Promise<number> {
    let taken = 0
    while (taken < batchSize && (await this.takeOne(orgId, trust))) taken++
    return taken
  }

  /** False where nothing is due. */
  private async takeOne(orgId: string, trust: Trust): Promise<boolean> {
    const callback = await this.takeNext(orgId, trust)
    if (!callback) return false
    if (callback.attempts >= maxAttempts) {
      await this.giveUp(orgId, callback, 'the process ended over it, or lost the database')
      return true
    }
    try {
      const reasons = await this.parts.db.inOrg({ orgId, lock }, async (tx) =>
        (await lockAttempt(tx, { ...callback, attempts: callback.attempts + 1 }))
          ? this.apply(tx, [callback])
          : [],
      )
      this.count(reasons)
    } catch (error) {
      if (isUnavailable(error)) throw error
      this.parts.log.error(
        { err: error, orgId, callbackId: callback.id },
        'a callback could not be processed',
      )
      if (callback.attempts + 1 >= maxAttempts) await this.giveUp(orgId, callback, faultName(error))
    }
    return true
  }

  /** Commits that the next one is being tried, and when it is tried again if nobody says how that ended. */
  private takeNext(orgId: string, trust: Trust): Promise<PendingCallback | undefined> {
    return this.parts.db.inOrg({ orgId, lock }, async (tx) => {
      const now = this.parts.clock.now()
      const [next] = await takePendingCallbacks(tx, now, 1, trust)
      if (next && next.attempts < maxAttempts) await beginAttempt(tx, next, retryAt(next, now))
      return next
    })
  }

  /** Answers the reasons of those that it set aside. */
  private async apply(tx: OrgTx, pending: PendingCallback[]): Promise<string[]> {
    if (pending.length === 0) return []
    const now = this.parts.clock.now()
    const messages: Understood<InboundMessage>[] = []
    const reports: Understood<InboundStatus>[] = []
    const ignored: Understood<InboundIgnored>[] = []
    for (const callback of pending) {
      const event = this.parts.providers[callback.provider].parse(requestOf(callback))
      if (event.type === 'message') messages.push({ callback, event })
      else if (event.type === 'status') reports.push({ callback, event })
      else ignored.push({ callback, event })
    }
    const unattached = await attachMessages(tx, messages, now)
    const unapplied = await applyReports(tx, reports, now)
    const unread = ignored.map(({ callback, event }) => ({
      kind: 'set_aside' as const,
      callback,
      ...reasonOf(event),
    }))
    const leftovers = [...unread, ...unattached, ...unapplied]
    const left = new Set(leftovers.map(({ callback }) => callback))
    atTheEnd(
      tx,
      finishCallbacks(
        tx,
        pending.filter((callback) => !left.has(callback)),
      ),
    )
    return this.keepLeftovers(tx, leftovers, now)
  }

  private async keepLeftovers(tx: OrgTx, leftovers: Leftover[], now: Date): Promise<string[]> {
    const isFinal = ({ kind, callback }: Leftover) =>
      kind === 'set_aside' || callback.attempts + 1 >= maxAttempts
    const final = leftovers.filter(isFinal)
    await setAsideCallbacks(
      tx,
      final.map(({ callback, reason, detail }) => ({ seq: callback.seq, reason, detail })),
    )
    for (const { callback } of leftovers.filter((leftover) => !isFinal(leftover))) {
      await postponeCallback(tx, callback, retryAt(callback, now))
    }
    return final.map(({ reason }) => reason)
  }

  /** After a fault of ours, and after its attempts: to the admin. */
  private async giveUp(orgId: string, { seq }: PendingCallback, fault: string): Promise<void> {
    const reason = 'processing_failed'
    const detail = `Processing failed ${maxAttempts} times (${fault}). The service's log tells more under this id. Release it when the fault is mended.`
    await this.parts.db.inOrg(orgId, (tx) => setAsideCallbacks(tx, [{ seq, reason, detail }]))
    this.count([reason])
  }

  private count(reasons: string[]): void {
    for (const reason of reasons) this.setAside.set(reason, (this.setAside.get(reason) ?? 0) + 1)
  }
}

const requestOf = ({ url, body, contentType }: PendingCallback) => ({
  url,
  body,
  headers: { 'content-type': contentType },
})

const reasonOf = ({ reason, detail }: InboundIgnored) => ({ reason, detail })

const retryAt = ({ attempts }: PendingCallback, now: Date): Date => later(now, retryAfter * 2 ** attempts)
