import type { OrgTx } from '../db/database.js'
import { gathered } from '../db/gathered.js'
import type { AccessChange, DomainEvent } from './event-types.js'

const emitted = gathered<DomainEvent>()

/** Announces a change in its own transaction: there is neither without the other. They are written at the end, in this order. */
export function emit(tx: OrgTx, events: readonly DomainEvent[]): void {
  emitted(tx).push(...events)
}

/** Writes the events of a unit of work as one entry of the outbox, which the relay publishes as a whole. Null where it has none. */
export function writeEvents(tx: OrgTx): Promise<unknown> | null {
  const events = emitted(tx)
  const [first] = events
  if (!first) return null
  const rows = events.map(({ type, at, queueId, toMembers = false, agentIds, data }, index) => ({
    ordinal: index + 1,
    type,
    at: at.toISOString(),
    queueId,
    toMembers,
    agentIds: `{${agentIds.join(',')}}`,
    data: { type, at: at.toISOString(), ...data },
  }))
  return tx.$executeRaw`
    WITH entry AS (
      INSERT INTO outbox (org_id, events, at) VALUES (${tx.orgId}::uuid, ${rows.length}, ${first.at}) RETURNING id
    )
    INSERT INTO events (org_id, entry, ordinal, type, queue_id, to_members, agent_ids, data, at)
    SELECT ${tx.orgId}::uuid, entry.id, ordinal, type, "queueId", "toMembers", "agentIds"::uuid[], data, e.at
    FROM entry, json_to_recordset(${JSON.stringify(rows)}::json)
      AS e(ordinal int, type text, at timestamptz, "queueId" uuid, "toMembers" boolean, "agentIds" text, data json)`
}

/** In the transaction that takes access away or changes it: streams that were opened with it end. */
export const emitAccessChange = (tx: OrgTx, at: Date, access: AccessChange): void =>
  emit(tx, [{ type: 'access.changed', at, queueId: null, agentIds: [], data: { access } }])
