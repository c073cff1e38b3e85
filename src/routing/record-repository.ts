import type { OrgTx } from '../db/database.js'
import type { Considered, Routed } from './record.js'

export async function saveRouted(
  tx: OrgTx,
  records: readonly { id: string; routed: Routed }[],
): Promise<void> {
  if (records.length === 0) return
  await tx.$executeRaw`
    INSERT INTO routing_records (org_id, conversation_id, routed)
    SELECT ${tx.orgId}::uuid, id, routed FROM jsonb_to_recordset(${JSON.stringify(records)}::jsonb) AS r(id uuid, routed jsonb)
    ON CONFLICT (org_id, conversation_id) DO UPDATE SET routed = excluded.routed`
}

export async function saveConsidered(
  tx: OrgTx,
  records: readonly { id: string; offered: Considered }[],
): Promise<void> {
  if (records.length === 0) return
  await tx.$executeRaw`
    INSERT INTO routing_records (org_id, conversation_id, offered)
    SELECT ${tx.orgId}::uuid, id, offered FROM jsonb_to_recordset(${JSON.stringify(records)}::jsonb) AS r(id uuid, offered jsonb)
    ON CONFLICT (org_id, conversation_id) DO UPDATE SET offered = excluded.offered`
}

export async function findRecord(
  tx: OrgTx,
  conversationId: string,
): Promise<{ routed: Routed | null; offered: Considered | null }> {
  const [row] = await tx.$queryRaw<{ routed: Routed | null; offered: Considered | null }[]>`
    SELECT routed, offered FROM routing_records
    WHERE org_id = ${tx.orgId}::uuid AND conversation_id = ${conversationId}::uuid`
  return row ?? { routed: null, offered: null }
}
