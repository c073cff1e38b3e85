import type { OrgTx } from '../db/database.js'
import type { Session } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import type { Condition } from '../workstreams/condition.js'
import type { Candidate, Declines } from './choose-agent.js'
import type { Fact, RoutingFacts, Rule } from './match-rules.js'

type Range = Pick<Take, 'limit' | 'except'>

export async function findUnrouted(tx: OrgTx, { limit, except }: Range): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM conversations WHERE status = 'open' AND queue_id IS NULL AND id <> ALL (${except}::uuid[])
    ORDER BY created_at LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

export interface RoutingPlan {
  rules: Rule[]
  fallbackQueueId: string
}

/** Rules in their order and the fallback queue, by workstream. */
export async function findPlans(
  tx: OrgTx,
  workstreamIds: readonly string[],
): Promise<Map<string, RoutingPlan>> {
  const ids = [...new Set(workstreamIds)]
  const workstreams = await tx.workstream.findMany({ where: { id: { in: ids } } })
  const rules = await tx.routingRule.findMany({
    where: { workstreamId: { in: ids } },
    orderBy: { position: 'asc' },
  })
  return new Map(
    workstreams.map(({ id, fallbackQueueId }) => {
      const own = rules.filter(({ workstreamId }) => workstreamId === id)
      const parsed = own.map(({ name, condition, queueId }) => ({
        name,
        queueId,
        when: condition as Condition,
      }))
      return [id, { rules: parsed, fallbackQueueId }]
    }),
  )
}

export async function findContactFacts(
  tx: OrgTx,
  ids: readonly string[],
): Promise<Map<string, NonNullable<RoutingFacts['contact']>>> {
  if (ids.length === 0) return new Map()
  const rows = await tx.contact.findMany({ where: { id: { in: [...new Set(ids)] } } })
  return new Map(
    rows.map(({ id, name, mobilePhone, email, attributes }) => [
      id,
      { name, mobilePhone, email, attributes: attributes as Record<string, Fact> },
    ]),
  )
}

/** Agents who could be offered something now, with the queues they are a member of. */
export async function findCandidates(tx: OrgTx): Promise<Candidate[]> {
  const rows = await tx.$queryRaw<
    { id: string; freeUnits: number; lastAssignedAt: Date | null; queueIds: string[] }[]
  >`
    SELECT a.id, a.capacity_units - a.used_units AS "freeUnits", a.last_assigned_at AS "lastAssignedAt",
      array_agg(m.queue_id::text) AS "queueIds"
    FROM agents a JOIN queue_members m ON m.org_id = a.org_id AND m.agent_id = a.id
    WHERE a.presence = 'available' AND (a.used_units < a.capacity_units OR (
        SELECT true FROM agent_capacity_profiles p
        WHERE p.org_id = a.org_id AND p.agent_id = a.id AND p.is_assigned AND p.used < p.item_limit LIMIT 1))
      AND NOT EXISTS (
        SELECT 1 FROM agent_capacity_profiles p JOIN capacity_profiles c ON c.org_id = p.org_id AND c.id = p.profile_id
        WHERE p.org_id = a.org_id AND p.agent_id = a.id AND p.is_assigned AND p.used >= p.item_limit
          AND c.blocks_assignment)
    GROUP BY a.org_id, a.id`
  return rows.map(({ id, queueIds, ...rest }) => ({
    agentId: id,
    queueIds: new Set(queueIds),
    places: new Map(),
    ...rest,
  }))
}

/** The free places of these capacity profiles, by profile and agent; a profile that was deleted has no entry. */
export async function findPlaces(
  tx: OrgTx,
  profileIds: readonly string[],
): Promise<Map<string, Map<string, number>>> {
  if (profileIds.length === 0) return new Map()
  const rows = await tx.$queryRaw<{ id: string; agentId: string | null; free: number | null }[]>`
    SELECT c.id, p.agent_id AS "agentId", p.item_limit - p.used AS free
    FROM capacity_profiles c
    LEFT JOIN agent_capacity_profiles p ON p.org_id = c.org_id AND p.profile_id = c.id AND p.is_assigned
    WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ANY(${[...new Set(profileIds)]}::uuid[])`
  const places = new Map<string, Map<string, number>>()
  for (const { id, agentId, free } of rows) {
    const ofProfile = places.get(id) ?? new Map<string, number>()
    places.set(id, agentId === null ? ofProfile : ofProfile.set(agentId, free ?? 0))
  }
  return places
}

export interface QueuedItem {
  id: string
  queuedAt: Date
  units: number
  keepSameAgent: boolean
}

/** What waits in these queues to be pushed, first come first served, after the given place. */
export async function findQueued(
  tx: OrgTx,
  queueIds: readonly string[],
  after: QueuedItem | null,
  { limit, except }: Range,
): Promise<QueuedItem[]> {
  return tx.$queryRaw<QueuedItem[]>`
    SELECT c.id, c.queued_at AS "queuedAt", w.capacity_units AS units, w.keep_same_agent AS "keepSameAgent"
    FROM conversations c JOIN workstreams w ON w.org_id = c.org_id AND w.id = c.workstream_id
    WHERE c.status = 'open' AND c.queue_id = ANY(${[...queueIds]}::uuid[]) AND w.distribution = 'push'
      AND (c.queued_at, c.id) > (${after?.queuedAt ?? new Date(0)}, ${after?.id ?? '00000000-0000-0000-0000-000000000000'}::uuid)
      AND c.id <> ALL (${except}::uuid[])
    ORDER BY c.queued_at, c.id LIMIT ${limit}`
}

export interface History {
  /** Who closed their work on it last, so that it may return to them */
  lastAgentId: string | null
  declines: Map<string, Declines>
}

/** Counted as declines. */
const declineReasons = ['agent_reject', 'agent_timeout']
/** Given on on purpose: it does not return to whoever had it. */
const transferReasons = [
  'agent_transferred',
  'agent_transfer_to_queue',
  'supervisor_transfer_to_agent',
  'supervisor_assign_to_queue',
]
/** Not declined, but given back: it goes to somebody else first, too. */
const returnReasons = ['agent_disconnected', 'agent_rerouted', ...transferReasons]

/** Who had these conversations and who declined them or gave them back. */
export async function findHistories(
  tx: OrgTx,
  conversationIds: readonly string[],
): Promise<Map<string, History>> {
  const sessions = await tx.session.findMany({
    where: { conversationId: { in: [...conversationIds] }, closedAt: { not: null } },
    orderBy: { id: 'asc' },
  })
  const histories = new Map<string, History>()
  for (const session of sessions) {
    const history = histories.get(session.conversationId) ?? { lastAgentId: null, declines: new Map() }
    histories.set(session.conversationId, history)
    note(history, session)
  }
  return histories
}

type EndedSession = Pick<Session, 'agentId' | 'closedAt' | 'closureReason'>

function note(history: History, { agentId, closedAt, closureReason }: EndedSession): void {
  const reason = closureReason ?? ''
  if (reason === 'agent_closed') history.lastAgentId = agentId
  if (transferReasons.includes(reason)) history.lastAgentId = null
  const isDecline = declineReasons.includes(reason)
  if (closedAt && (isDecline || returnReasons.includes(reason))) {
    const count = (history.declines.get(agentId)?.count ?? 0) + (isDecline ? 1 : 0)
    history.declines.set(agentId, { count, lastAt: closedAt })
  }
}
