import type { Database } from '../db/database.js'
import { isUnavailable } from '../db/faults.js'
import { Prisma } from '../db/generated/client.js'
import { askSystem } from '../db/system.js'
import { type Clock, days, hours, later, minutes } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'

const interval = minutes(1)
const batchSize = 1000
/** Each goes with its events, which may be hundreds */
const entriesAtOnce = 50

/** What is kept for how long: a client can resume its stream for 24 hours, and a key is honoured as long (api.md 1, 7). */
const eventsFor = hours(25)
const idempotencyKeysFor = hours(24)
const callbacksFor = days(30)

/** Deletes what is past its time, in small batches, so that no lock is held for long and no table grows for ever. */
export class Retention {
  private timer: NodeJS.Timeout | null = null
  private running: Promise<void> = Promise.resolve()

  constructor(private readonly parts: { db: Database; clock: Clock; log: Logger }) {}

  start(): void {
    this.timer = setInterval(() => {
      this.running = this.once().catch((error) => {
        this.parts.log.warn({ err: error }, 'what is past its time was not deleted, it repeats')
      })
    }, interval)
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer)
    await this.running
  }

  async once(): Promise<void> {
    const now = this.parts.clock.now()
    await this.drain(
      'events',
      (rows) => Prisma.sql`
      DELETE FROM outbox WHERE (org_id, id) IN (
        SELECT org_id, id FROM (
          SELECT org_id, id, at FROM outbox WHERE position IS NOT NULL ORDER BY position ${rows}) oldest
        WHERE at < ${later(now, -eventsFor)})
      RETURNING 1`,
      entriesAtOnce,
    )
    await this.drain(
      'idempotency keys',
      (rows) => Prisma.sql`
      DELETE FROM idempotency_keys WHERE (org_id, scope, key) IN (
        SELECT org_id, scope, key FROM idempotency_keys WHERE created_at < ${later(now, -idempotencyKeysFor)}
        ORDER BY created_at ${rows})
      RETURNING 1`,
    )
    await this.drain(
      'callbacks',
      (rows) => Prisma.sql`
      DELETE FROM callbacks WHERE (org_id, id) IN (
        SELECT c.org_id, c.id FROM callbacks c
        WHERE c.state = 'accepted' AND c.stored_at < ${later(now, -callbacksFor)}
          AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.org_id = c.org_id AND i.seq = c.seq)
        ORDER BY c.stored_at ${rows})
      RETURNING 1`,
    )
    await this.drain(
      'uploads',
      (rows) => Prisma.sql`
      DELETE FROM media WHERE (org_id, id) IN (
        SELECT org_id, id FROM media WHERE expires_at < ${now} AND message_id IS NULL ORDER BY expires_at ${rows})
      RETURNING 1`,
    )
  }

  /** Rows that cannot be deleted stay, and keep neither the others nor other tables from it. */
  private async drain(what: string, removal: Removal, atOnce = batchSize): Promise<void> {
    let stuck = 0
    const remove = (limit: number) =>
      askSystem(this.parts.db, removal(Prisma.sql`LIMIT ${limit} OFFSET ${stuck}`))
    const removeSingly = async (): Promise<number> => {
      let removed = 0
      for (let tried = 0; tried < atOnce; tried++) {
        const one = await remove(1).catch((error) => {
          if (isUnavailable(error)) throw error
          stuck++
          this.parts.log.error({ err: error, what }, 'what is past its time cannot be deleted')
          return null
        })
        if (one?.length === 0) return removed
        removed++
      }
      return removed
    }
    const removeBatch = async (): Promise<number> => {
      try {
        return (await remove(atOnce)).length
      } catch (error) {
        if (isUnavailable(error)) throw error
        return removeSingly()
      }
    }
    while ((await removeBatch()) === atOnce);
  }
}

/** @param rows which of those that are due, in their order */
type Removal = (rows: Prisma.Sql) => Prisma.Sql
