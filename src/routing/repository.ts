import type { OrgTx } from '../db/database.js'
import { Prisma, type Session } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import type { Ruleset } from '../workstreams/classification.js'
import type { Condition } from '../workstreams/condition.js'
import type { Share } from './choose-queue.js'
import type { Plan } from './decide.js'
import type { Fact, RoutingFacts } from './match-rules.js'
import type { Candidate, Declines } from './rule-out.js'
import { preferredAgentsMode } from './settings-repository.js'

type Range = Pick<Take, 'limit' | 'except'>

export async function findUnrouted(tx: OrgTx, { limit, except }: Range): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM conversations WHERE status = 'open' AND queue_id IS NULL AND id <> ALL (${except}::uuid[])
    ORDER BY created_at LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

interface PlanRow {
  id: string
  fallbackQueueId: string
  rulesets: Ruleset[] | null
}

interface RuleRow {
  workstreamId: string
  name: string
  condition: Condition
  queueId: string
  allocation: Share[] | null
  ignoreOverflow: boolean
}

/** How these workstreams lead their conversations. */
export async function findPlans(tx: OrgTx, workstreamIds: readonly string[]): Promise<Map<string, Plan>> {
  const ids = [...new Set(workstreamIds)]
  const [workstreams, rules] = await Promise.all([
    tx.$queryRaw<PlanRow[]>`
      SELECT w.id, w.fallback_queue_id AS "fallbackQueueId", c.rulesets
      FROM workstreams w LEFT JOIN classification_rules c ON c.org_id = w.org_id AND c.workstream_id = w.id
      WHERE w.org_id = ${tx.orgId}::uuid AND w.id = ANY(${ids}::uuid[])`,
    tx.$queryRaw<RuleRow[]>`
      SELECT workstream_id AS "workstreamId", name, condition, queue_id AS "queueId", allocation,
        ignore_overflow AS "ignoreOverflow"
      FROM routing_rules
      WHERE org_id = ${tx.orgId}::uuid AND workstream_id = ANY(${ids}::uuid[]) ORDER BY workstream_id, position`,
  ])
  return new Map(
    workstreams.map(({ id, rulesets, fallbackQueueId }) => {
      const own = rules
        .filter(({ workstreamId }) => workstreamId === id)
        .map(({ name, condition, queueId, allocation, ignoreOverflow }) => ({
          name,
          when: condition,
          queues: allocation ?? [{ queueId, percent: 100 }],
          ignoreOverflow,
        }))
      return [id, { fallbackQueueId, rulesets: rulesets ?? [], rules: own }]
    }),
  )
}

export type ContactFacts = NonNullable<RoutingFacts['contact']> & { preferredAgentIds: string[] }

export async function findContactFacts(
  tx: OrgTx,
  ids: readonly string[],
): Promise<Map<string, ContactFacts>> {
  if (ids.length === 0) return new Map()
  const rows = await tx.contact.findMany({ where: { id: { in: [...new Set(ids)] } } })
  return new Map(
    rows.map(({ id, name, mobilePhone, email, attributes, preferredAgentIds }) => [
      id,
      { name, mobilePhone, email, attributes: attributes as Record<string, Fact>, preferredAgentIds },
    ]),
  )
}

interface AgentRow {
  id: string
  presence: string
  freeUnits: number
  freeSessions: number
  isBlocked: boolean
  lastAssignedAt: Date | null
  lastReleasedAt: Date | null
  queueIds: string[]
  joinedAt: Date[]
  turns: (Date | null)[]
}

const isBlocked = Prisma.sql`EXISTS (
  SELECT 1 FROM agent_capacity_profiles p JOIN capacity_profiles c ON c.org_id = p.org_id AND c.id = p.profile_id
  WHERE p.org_id = a.org_id AND p.agent_id = a.id AND p.is_assigned AND p.used >= p.item_limit AND c.blocks_assignment)`

const agentColumns = Prisma.sql`
  a.id, a.presence::text, a.capacity_units - a.used_units AS "freeUnits", a.session_limit - a.open_sessions AS "freeSessions",
  ${isBlocked} AS "isBlocked",
  a.last_assigned_at AS "lastAssignedAt", a.last_released_at AS "lastReleasedAt", array_agg(m.queue_id::text) AS "queueIds",
  array_agg(m.created_at) AS "joinedAt", array_agg(m.last_assigned_at) AS turns`

/**
 * Agents who could be offered something now, with the queues they are a member of: those who have room, and where preferred
 * agents come first all who are there.
 */
export async function findCandidates(tx: OrgTx): Promise<Candidate[]> {
  const rows = await tx.$queryRaw<AgentRow[]>`
    SELECT ${agentColumns} FROM agents a JOIN queue_members m ON m.org_id = a.org_id AND m.agent_id = a.id
    WHERE a.org_id = ${tx.orgId}::uuid AND a.presence IN ('available', 'busy', 'do_not_disturb', 'away') AND ((a.used_units < a.capacity_units OR (
        SELECT true FROM agent_capacity_profiles p
        WHERE p.org_id = a.org_id AND p.agent_id = a.id AND p.is_assigned AND p.used < p.item_limit LIMIT 1))
      AND a.open_sessions < a.session_limit AND NOT ${isBlocked} OR ${preferredAgentsMode(tx)} <> 'off')
    GROUP BY a.org_id, a.id`
  return rows.map(candidateOf)
}

/** All members of these queues, also those who are not free; of their memberships those of these queues. */
export async function findMembers(tx: OrgTx, queueIds: readonly string[]): Promise<Candidate[]> {
  const rows = await tx.$queryRaw<AgentRow[]>`
    SELECT ${agentColumns} FROM agents a JOIN queue_members m ON m.org_id = a.org_id AND m.agent_id = a.id
    WHERE m.org_id = ${tx.orgId}::uuid AND m.queue_id = ANY(${[...queueIds]}::uuid[])
    GROUP BY a.org_id, a.id ORDER BY a.id`
  return rows.map(candidateOf)
}

const candidateOf = ({ id, queueIds, joinedAt, turns, ...rest }: AgentRow): Candidate => ({
  ...rest,
  agentId: id,
  places: new Map(),
  skills: new Map(),
  memberships: new Map(
    queueIds.map((queueId, n) => [
      queueId,
      { joinedAt: joinedAt[n] ?? new Date(0), lastAssignedAt: turns[n] ?? null },
    ]),
  ),
})

/** So many of what is due are put in order */
const mostSorted = 1000

/** What has waited too long in its queue: queues with the shortest time first, those with the same time in turn. */
export async function findOverflowing(tx: OrgTx, now: Date, { limit, except }: Range): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM (
      SELECT id, queue_id, overflow_after_minutes AS minutes,
        row_number() OVER (PARTITION BY queue_id ORDER BY overflow_at, id) AS turn
      FROM (
        SELECT id, queue_id, overflow_after_minutes, overflow_at FROM conversations
        WHERE overflow_at <= ${now} AND org_id = ${tx.orgId}::uuid AND id <> ALL (${except}::uuid[])
        ORDER BY overflow_at LIMIT ${mostSorted}) oldest
    ) due ORDER BY minutes, turn, queue_id LIMIT ${limit}`
  return rows.map(({ id }) => id)
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

/** Whose turn it was in a queue that is assigned round robin. */
export async function saveTurns(
  tx: OrgTx,
  turns: readonly { queueId: string; agentId: string }[],
  now: Date,
): Promise<void> {
  if (turns.length === 0) return
  await tx.$executeRaw`
    UPDATE queue_members m SET last_assigned_at = ${now}
    FROM jsonb_to_recordset(${JSON.stringify(turns)}::jsonb) AS t("queueId" uuid, "agentId" uuid)
    WHERE m.org_id = ${tx.orgId}::uuid AND m.queue_id = t."queueId" AND m.agent_id = t."agentId"`
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

interface SessionRow {
  conversationId: string
  agentId: string
  closedAt: Date
  closureReason: string | null
}

/** Who had these conversations and who declined them or gave them back. */
export async function findHistories(
  tx: OrgTx,
  conversationIds: readonly string[],
): Promise<Map<string, History>> {
  const sessions = await tx.$queryRaw<SessionRow[]>`
    SELECT s.conversation_id AS "conversationId", s.agent_id AS "agentId", s.closed_at AS "closedAt",
      s.closure_reason AS "closureReason"
    FROM unnest(${[...conversationIds]}::uuid[]) AS c(id)
    JOIN sessions s ON s.org_id = ${tx.orgId}::uuid AND s.conversation_id = c.id
    WHERE s.closed_at IS NOT NULL ORDER BY s.id`
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
