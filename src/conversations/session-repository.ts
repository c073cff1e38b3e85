import type { OrgTx } from '../db/database.js'
import { idPattern, type PageRequest, readCursor } from '../db/page.js'
import { newId } from '../lib/ids.js'
import type { ConversationChange } from './change.js'
import type { SessionChange } from './session-changes.js'

interface Row extends SessionChange {
  conversationId: string
  queueId: string | null
}

/** Keeps the record of sessions in step: one row for each time that an agent was given the conversation. */
export async function saveSessions(
  tx: OrgTx,
  changes: readonly ConversationChange[],
  now: Date,
): Promise<void> {
  const rows = changes.flatMap(({ after, sessions }) =>
    sessions.map((session) => ({ ...session, conversationId: after.id, queueId: after.queueId })),
  )
  const of = (...kinds: SessionChange['kind'][]) => rows.filter(({ kind }) => kinds.includes(kind))
  await Promise.all([
    end(tx, of('ended'), now),
    accept(tx, of('accepted'), now),
    begin(tx, of('offered', 'started'), now),
  ])
}

async function begin(tx: OrgTx, rows: Row[], now: Date): Promise<void> {
  if (rows.length === 0) return
  const begun = rows.map((row) => ({ ...row, id: newId() }))
  await tx.$executeRaw`
    INSERT INTO sessions (org_id, id, conversation_id, agent_id, queue_id, offered_at, accepted_at, created_at)
    SELECT ${tx.orgId}::uuid, id, "conversationId", "agentId", "queueId", CASE kind WHEN 'offered' THEN ${now}::timestamptz END,
      CASE kind WHEN 'started' THEN ${now}::timestamptz END, ${now}
    FROM jsonb_to_recordset(${JSON.stringify(begun)}::jsonb)
      AS r(id uuid, "conversationId" uuid, "agentId" uuid, "queueId" uuid, kind text)`
}

async function accept(tx: OrgTx, rows: Row[], now: Date): Promise<void> {
  if (rows.length === 0) return
  await tx.$executeRaw`
    UPDATE sessions s SET accepted_at = ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r("conversationId" uuid, "agentId" uuid)
    WHERE s.org_id = ${tx.orgId}::uuid AND s.conversation_id = r."conversationId" AND s.agent_id = r."agentId"
      AND s.closed_at IS NULL`
}

async function end(tx: OrgTx, rows: Row[], now: Date): Promise<void> {
  if (rows.length === 0) return
  await tx.$executeRaw`
    UPDATE sessions s SET closed_at = ${now}, closure_reason = r.reason
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r("conversationId" uuid, "agentId" uuid, reason text)
    WHERE s.org_id = ${tx.orgId}::uuid AND s.conversation_id = r."conversationId" AND s.agent_id = r."agentId"
      AND s.closed_at IS NULL`
}

/** In their order; one more than the page holds. */
export async function listSessions(tx: OrgTx, conversationId: string, page: PageRequest) {
  const [after] = readCursor(page.cursor, [idPattern]) ?? []
  return tx.session.findMany({
    where: { conversationId, ...(after && { id: { gt: after } }) },
    orderBy: { id: 'asc' },
    take: page.limit + 1,
  })
}
