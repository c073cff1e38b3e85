import type { OrgTx } from '../db/database.js'
import { gathered } from '../db/gathered.js'
import type { AccessChange, DomainEvent } from './event-types.js'
import type { FeedEvent } from './feed.js'

const emitted = gathered<DomainEvent>()

/** Announces a change in its own transaction: there is neither without the other. They are written at the end, in this order. */
export function emit(tx: OrgTx, events: readonly DomainEvent[]): void {
  emitted(tx).push(...events)
}

/** What one unit of work has written: its events, and the position of the last one, null where the relay will publish them. */
export interface Entry {
  events: readonly DomainEvent[]
  position: Promise<bigint | null>
}

/**
 * Writes the events of a unit of work as one entry of the outbox, which is published as a whole: by its commit where nobody
 * else is about to publish. Null where it has none.
 */
export function writeEvents(tx: OrgTx): Entry | null {
  const events = emitted(tx)
  const [first] = events
  if (!first) return null
  const rows = events.map((event, index) => ({
    ordinal: index + 1,
    type: event.type,
    at: event.at.toISOString(),
    queueId: event.queueId,
    toMembers: event.toMembers ?? false,
    agentIds: `{${event.agentIds.join(',')}}`,
    data: dataOf(event),
  }))
  const written = tx.$queryRaw<{ position: bigint | null }[]>`
    WITH entry AS (
      INSERT INTO outbox (org_id, events, at, position)
      VALUES (${tx.orgId}::uuid, ${rows.length}, ${first.at}, take_position(${rows.length}::int)) RETURNING id, position
    ), written AS (
      INSERT INTO events (org_id, entry, ordinal, type, queue_id, to_members, agent_ids, data, at)
      SELECT ${tx.orgId}::uuid, entry.id, ordinal, type, "queueId", "toMembers", "agentIds"::uuid[], data, e.at
      FROM entry, json_to_recordset(${JSON.stringify(rows)}::json)
        AS e(ordinal int, type text, at timestamptz, "queueId" uuid, "toMembers" boolean, "agentIds" text, data json)
    )
    SELECT position FROM entry`
  return { events, position: written.then(([row]) => row?.position ?? null) }
}

/** The events of an entry as streams send them, whose last one has this position. */
export const publishedOf = ({ events }: Entry, orgId: string, last: bigint): FeedEvent[] =>
  events.map((event, index) => ({
    orgId,
    position: last - BigInt(events.length - 1 - index),
    type: event.type,
    queueId: event.queueId,
    toMembers: event.toMembers ?? false,
    agentIds: event.agentIds,
    data: JSON.stringify(dataOf(event)),
  }))

const dataOf = ({ type, at, data }: DomainEvent) => ({ type, at: at.toISOString(), ...data })

/** In the transaction that takes access away or changes it: streams that were opened with it end. */
export const emitAccessChange = (tx: OrgTx, at: Date, access: AccessChange): void =>
  emit(tx, [{ type: 'access.changed', at, queueId: null, agentIds: [], data: { access } }])
