import type { OrgTx } from '../db/database.js'
import type { StatusChange } from '../db/generated/client.js'
import { idPattern, type PageRequest, readCursor } from '../db/page.js'
import { newId } from '../lib/ids.js'
import type { ConversationChange } from './change.js'

/** Writes the steps down. A message that the customer adds, and an accept that is repeated, are none. */
export async function saveStatusChanges(
  tx: OrgTx,
  changes: readonly ConversationChange[],
  now: Date,
): Promise<void> {
  const rows = changes.filter(isStep).map(({ transition, by, after }) => ({
    conversationId: after.id,
    id: newId(),
    happening: transition.by,
    status: after.status,
    reason: after.statusReason,
    actor: by.type,
    actorId: by.id,
    agentId: after.agentId,
    queueId: after.queueId,
  }))
  if (rows.length === 0) return
  await tx.$executeRaw`
    INSERT INTO status_changes (org_id, conversation_id, id, at, happening, status, reason, actor, actor_id, agent_id, queue_id)
    SELECT ${tx.orgId}::uuid, "conversationId", id, ${now}, happening, status, reason, actor, "actorId", "agentId", "queueId"
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      AS s("conversationId" uuid, id uuid, happening text, status conversation_status, reason text, actor text,
        "actorId" uuid, "agentId" uuid, "queueId" uuid)`
}

const isStep = ({ transition: { from, to, by } }: ConversationChange): boolean =>
  from !== to || by === 'routed' || by === 'assigned_to_queue'

/** In their order; one more than the page holds. The id of the conversation stands for its opening, the first of all. */
export async function listStatusChanges(
  tx: OrgTx,
  conversationId: string,
  page: PageRequest,
): Promise<StatusChange[]> {
  const [after] = readCursor(page.cursor, [idPattern]) ?? []
  return tx.statusChange.findMany({
    where: { conversationId, ...(after && after !== conversationId && { id: { gt: after } }) },
    orderBy: { id: 'asc' },
    take: page.limit + 1,
  })
}
