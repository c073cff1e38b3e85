import type { Database } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { askSystem } from '../db/system.js'

const rereadAfterMs = 1000

/** Which organizations are suspended, known to the second: what came for them is kept, and worked when they return. */
export class Suspensions {
  private suspended: Promise<Set<string>> = Promise.resolve(new Set())
  private readAt = 0

  constructor(private readonly db: Database) {}

  async has(orgId: string): Promise<boolean> {
    if (Date.now() - this.readAt > rereadAfterMs) {
      this.readAt = Date.now()
      this.suspended = this.read()
    }
    return (await this.suspended).has(orgId)
  }

  private async read(): Promise<Set<string>> {
    const rows = await askSystem<{ id: string }>(
      this.db,
      Prisma.sql`SELECT id FROM organizations WHERE suspended_at IS NOT NULL`,
    )
    return new Set(rows.map(({ id }) => id))
  }
}
