import type { Database } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { askSystem } from '../db/system.js'
import { type Clock, days, hours, later, minutes } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'

const interval = minutes(1)
const batchSize = 1000

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
    await this.drain(Prisma.sql`
      DELETE FROM events WHERE (org_id, id) IN (
        SELECT org_id, id FROM (
          SELECT org_id, id, at FROM events WHERE position IS NOT NULL ORDER BY position LIMIT ${batchSize}) oldest
        WHERE at < ${later(now, -eventsFor)})
      RETURNING 1`)
    await this.drain(Prisma.sql`
      DELETE FROM idempotency_keys WHERE (org_id, scope, key) IN (
        SELECT org_id, scope, key FROM idempotency_keys WHERE created_at < ${later(now, -idempotencyKeysFor)}
        LIMIT ${batchSize})
      RETURNING 1`)
    await this.drain(Prisma.sql`
      DELETE FROM callbacks WHERE (org_id, id) IN (
        SELECT org_id, id FROM callbacks WHERE state = 'done' AND processed_at < ${later(now, -callbacksFor)}
        LIMIT ${batchSize})
      RETURNING 1`)
    await this.drain(Prisma.sql`
      DELETE FROM media WHERE (org_id, id) IN (
        SELECT org_id, id FROM media WHERE expires_at < ${now} AND message_id IS NULL LIMIT ${batchSize})
      RETURNING 1`)
  }

  private async drain(removal: Prisma.Sql): Promise<void> {
    while ((await askSystem(this.parts.db, removal)).length === batchSize);
  }
}
