import type { OrgTx } from '../db/database.js'
import type { Considered, Overflowed, Routed } from './record.js'

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

export async function saveOverflowed(
  tx: OrgTx,
  records: readonly { id: string; overflowed: Overflowed }[],
): Promise<void> {
  if (records.length === 0) return
  await tx.$executeRaw`
    INSERT INTO routing_records (org_id, conversation_id, overflowed)
    SELECT ${tx.orgId}::uuid, id, overflowed
    FROM jsonb_to_recordset(${JSON.stringify(records)}::jsonb) AS r(id uuid, overflowed jsonb)
    ON CONFLICT (org_id, conversation_id) DO UPDATE SET overflowed = excluded.overflowed`
}

export interface KeptRecord {
  routed: Routed | null
  offered: Considered | null
  overflowed: Overflowed | null
}

export async function findRecord(tx: OrgTx, conversationId: string): Promise<KeptRecord> {
  const [row] = await tx.$queryRaw<KeptRecord[]>`
    SELECT routed, offered, overflowed FROM routing_records
    WHERE org_id = ${tx.orgId}::uuid AND conversation_id = ${conversationId}::uuid`
  return row ?? { routed: null, offered: null, overflowed: null }
}
