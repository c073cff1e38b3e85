import type { OrgTx } from '../db/database.js'
import type { Presence } from '../db/generated/client.js'
import type { Status } from './lifecycle.js'

export interface LiveCount {
  queueId: string | null
  status: Status
  isAccepted: boolean
  conversations: number
  /** Of those that are open: since when the first of them waits */
  waitsSince: Date | null
}

/** What is not closed, counted by queue and state. */
export const countLive = (tx: OrgTx): Promise<LiveCount[]> => tx.$queryRaw<LiveCount[]>`
  SELECT c.queue_id AS "queueId", c.status::text AS status, c.accepted_at IS NOT NULL AS "isAccepted",
    count(*)::int AS conversations, min(c.queued_at) FILTER (WHERE c.status = 'open') AS "waitsSince"
  FROM conversations c
  WHERE c.org_id = ${tx.orgId}::uuid AND c.status IN ('open', 'active', 'waiting', 'wrap_up')
  GROUP BY 1, 2, 3`

export interface LiveQueue {
  id: string
  name: string
  members: number
}

export const findLiveQueues = (tx: OrgTx): Promise<LiveQueue[]> => tx.$queryRaw<LiveQueue[]>`
  SELECT q.id, q.name,
    (SELECT count(*)::int FROM queue_members m WHERE m.org_id = q.org_id AND m.queue_id = q.id) AS members
  FROM queues q WHERE q.org_id = ${tx.orgId}::uuid ORDER BY q.name, q.id`

export interface LiveAgent {
  presence: Presence
  usedUnits: number
  capacityUnits: number
  queueIds: string[]
}

export const findLiveAgents = (tx: OrgTx): Promise<LiveAgent[]> => tx.$queryRaw<LiveAgent[]>`
  SELECT a.presence::text AS presence, a.used_units AS "usedUnits", a.capacity_units AS "capacityUnits",
    array(SELECT m.queue_id::text FROM queue_members m WHERE m.org_id = a.org_id AND m.agent_id = a.id) AS "queueIds"
  FROM agents a WHERE a.org_id = ${tx.orgId}::uuid`
