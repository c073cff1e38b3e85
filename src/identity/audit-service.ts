import type { z } from 'zod'
import type { Database } from '../db/database.js'
import { type Page, readTimeCursor, toPage } from '../db/page.js'
import type { OrgCaller } from '../lib/caller.js'
import { listEntries } from './audit-repository.js'
import type { auditEntrySchema, auditQuery } from './audit-schemas.js'
import { presentEntry } from './present.js'

/** Reads what `recordAudit` wrote. */
export class AuditService {
  constructor(private readonly db: Database) {}

  /** Newest first. */
  list(
    caller: OrgCaller,
    { limit, cursor, ...filter }: z.infer<typeof auditQuery>,
  ): Promise<Page<z.infer<typeof auditEntrySchema>>> {
    const before = readTimeCursor(cursor)
    return this.db.inOrg(caller, async (tx) => {
      const rows = await listEntries(tx, filter, { before, take: limit + 1 })
      const { data, nextCursor } = toPage(rows, limit, ({ at, id }) => [at.toISOString(), id])
      return { data: data.map(presentEntry), nextCursor }
    })
  }
}
