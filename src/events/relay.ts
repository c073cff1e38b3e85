import type { Database, OrgTx, Told } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { RowByRow, type Take } from '../db/row-by-row.js'
import { askSystem } from '../db/system.js'
import type { JobQueues, LaneName } from '../jobs/job-queues.js'
import { type Clock, seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import type { EventType } from './event-types.js'
import type { EventFeed, FeedEvent } from './feed.js'
import { type Entry, publishedOf, writeEvents } from './outbox.js'
import type { Signals } from './signals.js'

type Published = Pick<FeedEvent, 'orgId'> & { type: EventType }

/** Events, of as many entries as have them */
const batchSize = 500
const pollInterval = seconds(1)

interface Parts {
  db: Database
  clock: Clock
  jobs: JobQueues
  signals: Signals
  feed: EventFeed
  log: Logger
}

/** Which lanes must look at an organization after an event of this type. */
const wakes: Partial<Record<EventType, LaneName>> = {
  'conversation.opened': 'routing',
  'conversation.queued': 'routing',
  'conversation.waiting': 'routing',
  'conversation.transferred': 'routing',
  'conversation.wrap_up': 'routing',
  'conversation.closed': 'routing',
  'agent.presence_changed': 'routing',
  'routing.wanted': 'routing',
  'media.wanted': 'media',
  'bulk_action.wanted': 'bulk',
  'message.queued': 'sending',
}

/**
 * Publishes entries of the outbox: each, and so its events, gets the positions that streams resume by, and the lanes that the events concern are
 * woken. Writers do not commit in the order of their numbers, so only one publishes at a time, until its commit: positions
 * become visible in their order, and none is skipped. A unit of work that comes at a free moment publishes its entry by its own commit
 * (take_position); what others leave is published here, where what commits late is simply published later. An entry
 * that cannot be published is left out for a while and published later.
 */
export class Relay {
  private timer: NodeJS.Timeout | null = null
  private forget: (() => void) | null = null
  private running: Promise<void> | null = null
  private isWanted = false

  private readonly rows: RowByRow

  constructor(private readonly parts: Parts) {
    this.rows = new RowByRow({ ...parts, lane: 'events' })
  }

  get leftOut(): number {
    return this.rows.leftOut
  }

  start(): void {
    this.forget = this.parts.signals.on('outbox', () => this.look())
    this.timer = setInterval(() => this.look(), pollInterval)
    this.look()
  }

  async stop(): Promise<void> {
    this.forget?.()
    if (this.timer) clearInterval(this.timer)
    this.timer = null
    await this.running
  }

  /** Called last of all in every unit of work. */
  readonly tellOthers = (tx: OrgTx): Told | null => {
    const entry = writeEvents(tx)
    return entry && { statement: entry.position, committed: () => this.announce(tx.orgId, entry) }
  }

  /** In any process, also in one that does not publish what others leave. */
  private announce(orgId: string, entry: Entry): void {
    const { feed, signals, log } = this.parts
    entry.position
      .then((last) => {
        if (last === null) return signals.send('outbox')
        if (feed.isHeard) feed.take(publishedOf(entry, orgId, last))
        signals.tellOthers('published')
        this.wakeLanes(entry.events.map(({ type }) => ({ orgId, type })))
      })
      .catch((error) => log.error({ err: error, orgId }, 'events not announced, they are looked for'))
  }

  private look(): void {
    this.isWanted = true
    this.running ??= this.run().finally(() => {
      this.running = null
    })
  }

  private async run(): Promise<void> {
    while (this.isWanted) {
      this.isWanted = false
      try {
        while ((await this.publish()) >= batchSize);
      } catch (error) {
        this.parts.log.warn({ err: error }, 'events not published, it repeats')
      }
    }
  }

  /** Publishes one batch and answers how many events it had: a full one has `batchSize` or more. */
  private publish(): Promise<number> {
    return this.rows.work(batchSize, async (take) => {
      const published = await this.publishSome(take)
      if (published.length > 0) this.parts.signals.tellOthers('published')
      this.wakeLanes(published)
      return published.length
    })
  }

  private async publishSome({ limit, except, took }: Take): Promise<Published[]> {
    const { db, feed } = this.parts
    const next = async () => {
      const rows = await askSystem<{ id: bigint }>(
        db,
        Prisma.sql`SELECT id FROM outbox WHERE position IS NULL AND id <> ALL (${except}::bigint[]) ORDER BY id LIMIT ${limit}::int`,
      )
      return rows.map(({ id }) => String(id))
    }
    if (limit < batchSize || except.length > 0) {
      const numbers = await next()
      took(numbers)
      const published = await askSystem<Published>(
        db,
        Prisma.sql`SELECT * FROM publish_these(${numbers}::bigint[], false)`,
      )
      feed.look()
      return published
    }
    try {
      const hasStreams = feed.isHeard
      const published = await askSystem<Published & FeedEvent>(
        db,
        Prisma.sql`SELECT * FROM publish_events(${batchSize}::int, ${hasStreams}::boolean)`,
      )
      if (hasStreams) feed.take(published)
      else feed.look()
      return published
    } catch (error) {
      took(await next())
      throw error
    }
  }

  /** Nobody waits for it, so that streams go on while the job store is away. What is missed the sweep finds. */
  private wakeLanes(published: Published[]): void {
    const wanted = new Set<string>()
    for (const { orgId, type } of published) {
      const lane = wakes[type]
      if (lane) wanted.add(`${lane} ${orgId}`)
    }
    for (const wake of wanted) {
      const [lane, orgId] = wake.split(' ') as [LaneName, string]
      this.parts.jobs.wake(lane, orgId).catch((error) => {
        this.parts.log.debug({ err: error, orgId }, 'the worker could not be woken')
      })
    }
  }
}
