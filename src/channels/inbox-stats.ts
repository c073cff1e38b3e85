import type { Database } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { askSystem } from '../db/system.js'
import type { Clock } from '../lib/clock.js'

/** How far the worker is behind, over all organizations. */
export class InboxStats {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  async read(): Promise<{ pending: number; oldestSeconds: number }> {
    const [row] = await askSystem<{ pending: number; oldest: Date | null }>(
      this.db,
      Prisma.sql`SELECT count(*)::int AS pending, min(stored_at) AS oldest FROM inbox`,
    )
    const age = row?.oldest ? this.clock.now().getTime() - row.oldest.getTime() : 0
    return { pending: row?.pending ?? 0, oldestSeconds: Math.max(0, age / 1000) }
  }
}
