import type { OrgTx } from '../db/database.js'
import { type Conversation, Prisma } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import { columnsOf } from '../db/rows.js'
import type { RequiredSkill } from '../workstreams/classification.js'
import type { AssignmentMethod } from './choose-agent.js'
import type { PreferredAgents } from './preference.js'
import { preferredAgentsMode } from './settings-repository.js'

/**
 * A line of a queue: what waits in it and asks the same of an agent. A pass goes from line to line, not from conversation
 * to conversation, so that its cost does not depend on how long they are.
 */
export interface Line {
  queueId: string
  /** What tells it from the other lines of its queue */
  demand: string
  queuePriority: number
  method: AssignmentMethod
  workstreamId: string
  units: number
  profileIds: string[]
  skills: RequiredSkill[]
  /** Whom the contact prefers, and who of them are members of the queue; null: nobody */
  preferred: { mode: PreferredAgents; named: string[]; members: string[] } | null
  skillMatching: 'exact' | 'closest' | 'none'
  keepSameAgent: boolean
  /** Of agents who may be offered it */
  presences: string[]
}

/** Of a conversation in its line. */
export interface Place {
  rank: number
  queuedAt: Date
  id: string
}

export const rankOf = ({ isReturning, priority }: Pick<Conversation, 'isReturning' | 'priority'>): number =>
  isReturning ? 0 : priority

const beforeAll: Place = {
  rank: -1,
  queuedAt: new Date(0),
  id: '00000000-0000-0000-0000-000000000000',
}

// As the index conversations_in_line has them
const demand = Prisma.sql`(CASE WHEN c.demand IS NULL THEN c.workstream_id ELSE c.demand END)`
const rank = Prisma.sql`(CASE WHEN c.is_returning THEN 0 ELSE c.priority END)`
const waits = Prisma.sql`c.status = 'open' AND c.queue_id IS NOT NULL AND c.parked_reason IS NULL`

/** The same for all of a line. */
const asked = Prisma.sql`c.capacity_profile_ids, c.skills, c.preferred_agent_ids`

/** The lines of these queues that routing pushes. */
export async function findLines(tx: OrgTx, queueIds: readonly string[]): Promise<Line[]> {
  return tx.$queryRaw<Line[]>`
    WITH RECURSIVE lines AS (
      SELECT first.* FROM unnest(${[...queueIds]}::uuid[]) AS q(id) CROSS JOIN LATERAL (
        SELECT c.queue_id, ${demand} AS demand, c.workstream_id, ${asked} FROM conversations c
        WHERE c.org_id = ${tx.orgId}::uuid AND c.queue_id = q.id AND ${waits} ORDER BY ${demand} LIMIT 1) first
      UNION ALL
      SELECT next.* FROM lines CROSS JOIN LATERAL (
        SELECT c.queue_id, ${demand} AS demand, c.workstream_id, ${asked} FROM conversations c
        WHERE c.org_id = ${tx.orgId}::uuid AND c.queue_id = lines.queue_id AND ${waits} AND ${demand} > lines.demand
        ORDER BY ${demand} LIMIT 1) next
    )
    SELECT l.queue_id AS "queueId", l.demand, q.priority AS "queuePriority", q.assignment::text AS method,
      l.workstream_id AS "workstreamId", w.capacity_units AS units,
      l.capacity_profile_ids::text[] AS "profileIds",
      coalesce(l.skills, '[]') AS skills,
      w.skill_matching::text AS "skillMatching", w.keep_same_agent AS "keepSameAgent", w.allowed_presences AS presences,
      CASE WHEN cardinality(l.preferred_agent_ids) > 0 THEN jsonb_build_object(
        'mode', coalesce(${preferredAgentsMode(tx)}, 'off'), 'named', l.preferred_agent_ids, 'members', ARRAY(
          SELECT p.id FROM unnest(l.preferred_agent_ids) WITH ORDINALITY AS p(id, place)
          JOIN queue_members m ON m.org_id = ${tx.orgId}::uuid AND m.queue_id = l.queue_id AND m.agent_id = p.id
          ORDER BY p.place)) END AS preferred
    FROM lines l JOIN queues q ON q.org_id = ${tx.orgId}::uuid AND q.id = l.queue_id
    JOIN workstreams w ON w.org_id = ${tx.orgId}::uuid AND w.id = l.workstream_id
    WHERE w.distribution = 'push'`
}

export interface Wanted {
  line: Line
  after: Place | null
  /** No more than so many of it */
  most: number
}

const columns = columnsOf(Prisma.ConversationScalarFieldEnum, 'c')

/**
 * Those at the head of these lines, locked, without those that somebody took while we waited for the lock (the condition
 * on the status is looked at once more then): the first of all of them together, by the priority of the queue
 * and their places.
 */
export async function lockHeads(
  tx: OrgTx,
  wanted: readonly Wanted[],
  { limit, except }: Pick<Take, 'limit' | 'except'>,
): Promise<Conversation[]> {
  const lines = wanted.map(({ line, after, most }) => {
    const { rank, queuedAt, id } = after ?? beforeAll
    return {
      queue: line.queueId,
      demand: line.demand,
      priority: line.queuePriority,
      most,
      rank,
      at: queuedAt,
      id,
    }
  })
  return tx.$queryRaw<Conversation[]>`
    SELECT ${columns} FROM conversations c WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ANY (ARRAY(
      SELECT head.id
      FROM jsonb_to_recordset(${JSON.stringify(lines)}::jsonb)
        AS l(queue uuid, demand uuid, priority int, most int, rank int, at timestamptz, id uuid)
      CROSS JOIN LATERAL (
        SELECT c.id, ${rank} AS rank, c.queued_at FROM conversations c
        WHERE c.org_id = ${tx.orgId}::uuid AND c.queue_id = l.queue AND ${demand} = l.demand AND ${waits}
          AND (${rank}, c.queued_at, c.id) > (l.rank, l.at, l.id) AND c.id <> ALL (${except}::uuid[])
        ORDER BY ${rank}, c.queued_at, c.id LIMIT l.most) head
      ORDER BY l.priority, head.rank, head.queued_at, head.id LIMIT ${limit}))
      AND c.status IN ('open')
    ORDER BY c.id FOR UPDATE`
}

export async function parkConversations(tx: OrgTx, ids: readonly string[], reason: string): Promise<void> {
  if (ids.length === 0) return
  await tx.$executeRaw`
    UPDATE conversations SET parked_reason = ${reason} WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...ids]}::uuid[])`
}

/**
 * What waits in queues that are known to have no members and is not where it would come to anyway: the heads of their lines,
 * found like all lines, however many there are.
 */
export async function findStranded(
  tx: OrgTx,
  { limit, except }: Pick<Take, 'limit' | 'except'>,
): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    WITH RECURSIVE lines AS (
      SELECT first.* FROM queues q CROSS JOIN LATERAL (
        SELECT c.queue_id, ${demand} AS demand, c.workstream_id FROM conversations c
        WHERE c.org_id = ${tx.orgId}::uuid AND c.queue_id = q.id AND ${waits} ORDER BY ${demand} LIMIT 1) first
      WHERE q.org_id = ${tx.orgId}::uuid AND q.without_members_since IS NOT NULL
      UNION ALL
      SELECT next.* FROM lines CROSS JOIN LATERAL (
        SELECT c.queue_id, ${demand} AS demand, c.workstream_id FROM conversations c
        WHERE c.org_id = ${tx.orgId}::uuid AND c.queue_id = lines.queue_id AND ${waits} AND ${demand} > lines.demand
        ORDER BY ${demand} LIMIT 1) next
    )
    SELECT head.id FROM lines l
    JOIN workstreams w ON w.org_id = ${tx.orgId}::uuid AND w.id = l.workstream_id
    CROSS JOIN LATERAL (
      SELECT c.id FROM conversations c
      WHERE c.org_id = ${tx.orgId}::uuid AND c.queue_id = l.queue_id AND ${demand} = l.demand AND ${waits}
        AND c.id <> ALL (${except}::uuid[])
      ORDER BY ${rank}, c.queued_at, c.id LIMIT ${limit}) head
    WHERE w.fallback_queue_id <> l.queue_id OR (
      SELECT s.queue_without_members FROM routing_settings s WHERE s.org_id = ${tx.orgId}::uuid) = 'close'
    LIMIT ${limit}`
  return rows.map(({ id }) => id)
}
