import type { Database } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { askSystem } from '../db/system.js'

/** Over all organizations. From queue to queue, not from conversation to conversation. */
export class EmptyQueues {
  constructor(private readonly db: Database) {}

  /** In how many queues something waits that no member could take: there are none. */
  async count(): Promise<number> {
    const [row] = await askSystem<{ queues: number }>(
      this.db,
      Prisma.sql`
        WITH RECURSIVE waited AS (
          (SELECT org_id, queue_id FROM conversations WHERE status = 'open' AND queue_id IS NOT NULL
           ORDER BY org_id, queue_id LIMIT 1)
          UNION ALL
          SELECT next.org_id, next.queue_id FROM waited CROSS JOIN LATERAL (
            SELECT c.org_id, c.queue_id FROM conversations c
            WHERE c.status = 'open' AND (c.org_id, c.queue_id) > (waited.org_id, waited.queue_id)
            ORDER BY c.org_id, c.queue_id LIMIT 1) next
        )
        SELECT count(*)::int AS queues FROM waited WHERE NOT EXISTS (
          SELECT 1 FROM queue_members m WHERE m.org_id = waited.org_id AND m.queue_id = waited.queue_id)`,
    )
    return row?.queues ?? 0
  }
}
