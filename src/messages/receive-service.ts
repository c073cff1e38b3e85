import { setTimeout as pause } from 'node:timers/promises'
import {
  finishCallbacks,
  type PendingCallback,
  postponeCallback,
  setAsideCallbacks,
  takePendingCallbacks,
} from '../channels/callback-repository.js'
import type { Database, OrgTx } from '../db/database.js'
import { isUnavailable } from '../db/faults.js'
import { type Clock, later, seconds } from '../lib/clock.js'
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
  /** Waits while callbacks come in floods, so that they are answered first */
  makeWay(): Promise<void>
}

const batchSize = 250
const longestRest = 5
/** One drain at a time in an organization: the order of a customer's messages, and no conversation made twice. */
const lock = 'inbound'
const maxAttempts = 5
const retryAfter = seconds(2)

/**
 * Turns stored callbacks into messages and delivery reports. Many at once in one transaction; where one of them makes
 * the transaction fail, each by itself, so that a poisoned one holds up nobody else. What cannot be used is set aside
 * with its reason and never dropped.
 */
export class ReceiveService {
  constructor(private readonly parts: ReceiveParts) {}

  async drain(orgId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.parts.makeWay()
      const began = performance.now()
      const taken = await this.takeTogether(orgId).catch((error) => {
        if (isUnavailable(error)) throw error
        this.parts.log.warn({ err: error, orgId }, 'a batch of callbacks failed, each is taken by itself')
        return this.takeSingly(orgId)
      })
      if (taken < batchSize) return this.rest(performance.now() - began)
    }
  }

  /** Rests a fifth as long as the last batch took: what comes meanwhile is taken together. */
  private async rest(batchMilliseconds: number): Promise<void> {
    await pause(Math.min(batchMilliseconds / 5, longestRest))
  }

  private takeTogether(orgId: string): Promise<number> {
    return this.parts.db.inOrg({ orgId, lock }, async (tx) => {
      const pending = await takePendingCallbacks(tx, this.parts.clock.now(), batchSize)
      await this.apply(tx, pending)
      return pending.length
    })
  }

  /** As many as a batch, one transaction each. Answers a full batch while there may be more. */
  private async takeSingly(orgId: string): Promise<number> {
    for (let taken = 0; taken < batchSize; taken++) {
      let current: PendingCallback | undefined
      try {
        const found = await this.parts.db.inOrg({ orgId, lock }, async (tx) => {
          const pending = await takePendingCallbacks(tx, this.parts.clock.now(), 1)
          current = pending[0]
          await this.apply(tx, pending)
          return pending.length
        })
        if (found === 0) return 0
      } catch (error) {
        if (!current || isUnavailable(error)) throw error
        await this.putBack(orgId, current, error)
      }
    }
    return batchSize
  }

  private async apply(tx: OrgTx, pending: PendingCallback[]): Promise<void> {
    if (pending.length === 0) return
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
    // All are done, and what could not be used is marked so after
    const [, unattached] = await Promise.all([
      finishCallbacks(
        tx,
        pending.map(({ id }) => id),
        now,
      ),
      attachMessages(tx, messages, now),
    ])
    const unapplied = await applyReports(tx, reports, now)
    const unread = ignored.map(({ callback, event }) => ({
      kind: 'set_aside' as const,
      callback,
      ...reasonOf(event),
    }))
    await this.keepLeftovers(tx, [...unread, ...unattached, ...unapplied], now)
  }

  private async keepLeftovers(tx: OrgTx, leftovers: Leftover[], now: Date): Promise<void> {
    const isFinal = ({ kind, callback }: Leftover) =>
      kind === 'set_aside' || callback.attempts + 1 >= maxAttempts
    const final = leftovers.filter(isFinal)
    await setAsideCallbacks(
      tx,
      final.map(({ callback, reason, detail }) => ({ id: callback.id, reason, detail })),
      now,
    )
    for (const { callback } of leftovers.filter((leftover) => !isFinal(leftover))) {
      await postponeCallback(tx, callback.id, retryAt(callback, now), callback.attempts + 1)
    }
  }

  /** After a fault of ours: later again, and after its attempts to the admin. */
  private async putBack(orgId: string, callback: PendingCallback, error: unknown): Promise<void> {
    const now = this.parts.clock.now()
    this.parts.log.error({ err: error, orgId, callbackId: callback.id }, 'a callback could not be processed')
    const name = error instanceof Error ? error.name : 'Error'
    const detail = `Processing failed ${maxAttempts} times (${name}). Release it after the fault is mended.`
    const leftover: Leftover = { kind: 'postpone', callback, reason: 'processing_failed', detail }
    await this.parts.db.inOrg(orgId, (tx) => this.keepLeftovers(tx, [leftover], now))
  }
}

const requestOf = ({ url, body, contentType }: PendingCallback) => ({
  url,
  body,
  headers: { 'content-type': contentType },
})

const reasonOf = ({ reason, detail }: InboundIgnored) => ({ reason, detail })

const retryAt = ({ attempts }: PendingCallback, now: Date): Date => later(now, retryAfter * 2 ** attempts)
