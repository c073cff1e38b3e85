import type { OrgTx } from '../db/database.js'
import { findHoursStatus } from '../hours/find-status.js'
import type { Overflow } from '../workstreams/overflow.js'
import type { QueueState } from './choose-queue.js'

interface StateRow {
  id: string
  overflow: Overflow
  operatingHoursId: string | null
  waiting: number
  hasMembers: boolean
}

/** These queues and those that they overflow into, as they are now. What is open is counted only as far as a limit asks. */
export async function findQueueStates(
  tx: OrgTx,
  ids: readonly string[],
  now: Date,
): Promise<Map<string, QueueState>> {
  const wanted = [...new Set(ids)]
  const rows = await tx.$queryRaw<StateRow[]>`
    WITH wanted AS (
      SELECT id FROM unnest(${wanted}::uuid[]) AS w(id)
      UNION
      SELECT (part.value->>'queueId')::uuid FROM unnest(${wanted}::uuid[]) AS w(id)
      JOIN queues q ON q.org_id = ${tx.orgId}::uuid AND q.id = w.id
      CROSS JOIN LATERAL jsonb_each(q.overflow) AS part
      WHERE jsonb_typeof(part.value) = 'object' AND part.value->>'queueId' IS NOT NULL
    )
    SELECT q.id, q.overflow, q.operating_hours_id AS "operatingHoursId",
      EXISTS (SELECT 1 FROM queue_members m WHERE m.org_id = ${tx.orgId}::uuid AND m.queue_id = q.id) AS "hasMembers",
      coalesce((
        SELECT count(*)::int FROM (
          SELECT 1 FROM conversations c WHERE c.org_id = ${tx.orgId}::uuid AND c.queue_id = q.id AND c.status = 'open'
          LIMIT (q.overflow->'itemLimit'->>'limit')::int) open
        WHERE jsonb_typeof(q.overflow->'itemLimit') = 'object'), 0) AS waiting
    FROM wanted JOIN queues q ON q.org_id = ${tx.orgId}::uuid AND q.id = wanted.id`
  const hours = await findHoursStatus(
    tx,
    rows.map(({ operatingHoursId }) => operatingHoursId),
    now,
  )
  return new Map(
    rows.map(({ operatingHoursId, ...row }) => {
      const { open = true, opensAt = null } = hours.get(operatingHoursId ?? '') ?? {}
      return [row.id, { ...row, isOpen: open, opensAt }]
    }),
  )
}

/** Those of these queues of which nobody has heard yet that they have no members: from now on that is known. */
export async function noteEmptyQueues(
  tx: OrgTx,
  ids: readonly string[],
  now: Date,
): Promise<{ id: string; name: string }[]> {
  if (ids.length === 0) return []
  return tx.$queryRaw<{ id: string; name: string }[]>`
    UPDATE queues SET without_members_since = ${now}
    WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(ids)]}::uuid[]) AND without_members_since IS NULL
      AND NOT EXISTS (SELECT 1 FROM queue_members m WHERE m.org_id = queues.org_id AND m.queue_id = queues.id)
    RETURNING id, name`
}
