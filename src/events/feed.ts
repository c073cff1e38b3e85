import type { Database } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { askSystem } from '../db/system.js'
import { seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import type { Signals } from './signals.js'

/** A published event, as a stream sends it. */
export interface FeedEvent {
  orgId: string
  position: bigint
  type: string
  queueId: string | null
  toMembers: boolean
  agentIds: string[]
  /** JSON, as it goes out: nobody here reads it */
  data: string
}

const publishedEvents = Prisma.sql`
  SELECT e.org_id AS "orgId", o.position - o.events + e.ordinal AS position, e.type, e.queue_id AS "queueId",
    e.to_members AS "toMembers", e.agent_ids::text[] AS "agentIds", e.data::text
  FROM outbox o JOIN events e ON e.org_id = o.org_id AND e.entry = o.id`

// An entry has the position of its last event: of some only a part lies after, or before, a position
const after = (position: bigint) =>
  Prisma.sql`o.position > ${position} AND e.ordinal > ${position} - o.position + o.events`
const upTo = (position: bigint) =>
  Prisma.sql`o.position - o.events < ${position} AND e.ordinal <= ${position} - o.position + o.events`

const inOrder = Prisma.sql`ORDER BY o.position, e.ordinal`

export type Subscriber = (event: FeedEvent) => void

// Few enough that a reader who keeps up has taken one batch before the next is written
const batchSize = 200
const pollInterval = seconds(1)

/**
 * Hands every published event to the streams that are open in this process, in the order of their positions. What the
 * process has published itself it has at hand; otherwise it reads the table, so it needs no connection to the one that
 * published. Nobody subscribed: nothing is read.
 */
export class EventFeed {
  private readonly subscribers = new Map<string, Set<Subscriber>>()
  /** Up to where it has read; null while nobody is subscribed */
  private position: bigint | null = null
  private starting: Promise<bigint> | null = null
  private timer: NodeJS.Timeout | null = null
  private forget: (() => void) | null = null
  private reading: Promise<void> | null = null
  private isWanted = false

  constructor(private readonly parts: { db: Database; signals: Signals; log: Logger }) {}

  start(): void {
    this.forget = this.parts.signals.on('published', () => this.look())
    this.timer = setInterval(() => this.look(), pollInterval)
  }

  async stop(): Promise<void> {
    this.forget?.()
    if (this.timer) clearInterval(this.timer)
    this.subscribers.clear()
    await this.reading
  }

  /** From now on the subscriber hears the organization's events; answers the position of the last one before. */
  async subscribe(orgId: string, subscriber: Subscriber): Promise<bigint> {
    const all = this.subscribers.get(orgId) ?? new Set()
    this.subscribers.set(orgId, all.add(subscriber))
    return this.position ?? this.begin()
  }

  unsubscribe(orgId: string, subscriber: Subscriber): void {
    const all = this.subscribers.get(orgId)
    all?.delete(subscriber)
    if (all?.size === 0) this.subscribers.delete(orgId)
    if (this.subscribers.size === 0) this.position = null
  }

  /** What this process has just published. Too much at once is read, and what does not follow on what was handed out. */
  take(published: readonly FeedEvent[]): void {
    const events = [...published].sort((left, right) => Number(left.position - right.position))
    const [first, last] = [events[0], events.at(-1)]
    if (!first || !last) return
    const isKnown = this.position !== null && last.position <= this.position
    if (isKnown) return
    const follows = this.position !== null && first.position === this.position + 1n
    if (follows && events.length <= batchSize) this.handOut(events)
    else this.look()
  }

  /** Reads what was published after what was handed out. */
  look(): void {
    if (this.subscribers.size === 0) return
    this.isWanted = true
    this.reading ??= this.read().finally(() => {
      this.reading = null
    })
  }

  /** Events of one organization after one position and up to another, for a client that reconnects: a batch of them. */
  async missed(orgId: string, from: bigint, to: bigint): Promise<FeedEvent[]> {
    return this.parts.db.inOrg(
      orgId,
      (tx) => tx.$queryRaw<FeedEvent[]>`
        ${publishedEvents} WHERE o.org_id = ${orgId}::uuid AND ${after(from)} AND ${upTo(to)}
        ${inOrder} LIMIT ${batchSize}`,
    )
  }

  get isHeard(): boolean {
    return this.subscribers.size > 0
  }

  get streams(): number {
    return [...this.subscribers.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** Begins where publication is now. Those who subscribe at the same moment begin together. */
  private begin(): Promise<bigint> {
    this.starting ??= this.latest()
      .then((position) => {
        if (this.subscribers.size > 0) this.position ??= position
        this.look()
        return position
      })
      .finally(() => {
        this.starting = null
      })
    return this.starting
  }

  private async latest(): Promise<bigint> {
    const [row] = await askSystem<{ position: bigint }>(this.parts.db, Prisma.sql`SELECT position FROM relay`)
    return row?.position ?? 0n
  }

  private async read(): Promise<void> {
    while (this.isWanted && this.position !== null) {
      this.isWanted = false
      try {
        while (await this.readBatch());
      } catch (error) {
        this.parts.log.warn({ err: error }, 'events not read, it repeats')
      }
    }
  }

  private async readBatch(): Promise<boolean> {
    const from = this.position
    if (from === null) return false
    const rows = await askSystem<FeedEvent>(
      this.parts.db,
      Prisma.sql`${publishedEvents} WHERE ${after(from)} ${inOrder} LIMIT ${batchSize}`,
    )
    this.handOut(rows)
    return rows.length === batchSize
  }

  private handOut(events: readonly FeedEvent[]): void {
    for (const event of events) {
      // Handed out while it was being read
      if (this.position === null || event.position <= this.position) continue
      this.position = event.position
      for (const subscriber of this.subscribers.get(event.orgId) ?? []) this.hand(event, subscriber)
    }
  }

  /** One stream that fails takes nothing from the others. */
  private hand(event: FeedEvent, subscriber: Subscriber): void {
    try {
      subscriber(event)
    } catch (error) {
      this.parts.log.error({ err: error, orgId: event.orgId }, 'a stream could not take an event')
    }
  }
}
