import type { OrgTx } from '../db/database.js'
import { newId } from '../lib/ids.js'
import type { AccessChange, DomainEvent } from './event-types.js'

/** Writes events in the transaction of the change that they announce: there is neither without the other. */
export async function emit(tx: OrgTx, events: readonly DomainEvent[]): Promise<void> {
  if (events.length === 0) return
  const rows = events.map(({ type, at, queueId, toMembers = false, agentIds, data }) => ({
    id: newId(),
    type,
    at: at.toISOString(),
    queueId,
    toMembers,
    agentIds: `{${agentIds.join(',')}}`,
    data: { type, at: at.toISOString(), ...data },
  }))
  await tx.$executeRaw`
    INSERT INTO events (org_id, id, type, queue_id, to_members, agent_ids, data, at)
    SELECT ${tx.orgId}::uuid, id, type, "queueId", "toMembers", "agentIds"::uuid[], data, at
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      AS e(id uuid, type text, at timestamptz, "queueId" uuid, "toMembers" boolean, "agentIds" text, data jsonb)`
  tx.hasEvents = true
}

/** In the transaction that takes access away or changes it: streams that were opened with it end. */
export const emitAccessChange = (tx: OrgTx, at: Date, access: AccessChange): Promise<void> =>
  emit(tx, [{ type: 'access.changed', at, queueId: null, agentIds: [], data: { access } }])
