import type { OrgTx } from '../db/database.js'
import type { AuditEntry } from '../db/generated/client.js'

interface Filter {
  actorId?: string | undefined
  action?: string | undefined
  subjectId?: string | undefined
  since?: string | undefined
  until?: string | undefined
}

/** Newest first. */
export async function listEntries(
  tx: OrgTx,
  { actorId, action, subjectId, since, until }: Filter,
  { before, take }: { before: { time: Date; id: string } | null; take: number },
): Promise<AuditEntry[]> {
  return tx.auditEntry.findMany({
    where: {
      AND: [
        { ...(actorId && { actorId }), ...(action && { action }), ...(subjectId && { subjectId }) },
        { at: { ...(since && { gte: new Date(since) }), ...(until && { lt: new Date(until) }) } },
        before
          ? {
              at: { lte: before.time },
              OR: [{ at: { lt: before.time } }, { at: before.time, id: { lt: before.id } }],
            }
          : {},
      ],
    },
    orderBy: [{ at: 'desc' }, { id: 'desc' }],
    take,
  })
}
