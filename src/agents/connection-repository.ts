import type { OrgTx } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { later, minutes } from '../lib/clock.js'
import { notePresence, type PresenceStep } from './presence-changes.js'
import { findPresenceSettings } from './presence-repository.js'

export interface Connection {
  id: string
  agentId: string
}

/** Says that these streams stand. */
export async function keepConnections(
  tx: OrgTx,
  connections: readonly Connection[],
  now: Date,
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO agent_connections (org_id, id, agent_id, seen_at)
    SELECT ${tx.orgId}::uuid, id, "agentId", ${now}
    FROM jsonb_to_recordset(${JSON.stringify(connections)}::jsonb) AS r(id uuid, "agentId" uuid)
    ON CONFLICT (org_id, id) DO UPDATE SET seen_at = excluded.seen_at`
}

/**
 * These agents are connected. Whoever comes back in time has the presence that they had: what they had set, otherwise what
 * follows from their work. Later they sign in again, and so does a new one who has a default presence: away, do not disturb
 * and offline as it says, otherwise by what they have (domain.md 5.8).
 */
export const signIn = (tx: OrgTx, agentIds: readonly string[], now: Date): Promise<void> =>
  connect(tx, Prisma.sql`id = ANY(${[...agentIds]}::uuid[])`, now)

/** Of streams that were taken for gone and stand. */
export const returnThose = (tx: OrgTx, agentIds: readonly string[], now: Date): Promise<void> =>
  connect(
    tx,
    Prisma.sql`id = ANY(${[...agentIds]}::uuid[]) AND (offline_by_loss OR work_leaves_at IS NOT NULL)`,
    now,
  )

async function connect(tx: OrgTx, who: Prisma.Sql, now: Date): Promise<void> {
  const steps = await tx.$queryRaw<PresenceStep[]>`
    UPDATE agents a SET works_by_stream = true, connection_lost_at = NULL, work_leaves_at = NULL,
      offline_by_loss = false, presence_before_loss = NULL,
      presence = CASE
        WHEN old.returns AND a.presence_before_loss IS NOT NULL THEN a.presence_before_loss
        WHEN NOT old.returns AND NOT old.signs_in THEN a.presence
        WHEN old.signs_in AND a.default_presence IN ('away', 'do_not_disturb', 'offline') THEN a.default_presence
        ELSE load_presence(a.used_units, a.capacity_units, a.profile_load, a.open_sessions, a.session_limit) END,
      presence_is_automatic = CASE
        WHEN old.returns THEN a.presence_before_loss IS NULL
        WHEN old.signs_in THEN coalesce(a.default_presence NOT IN ('away', 'do_not_disturb', 'offline'), true)
        ELSE a.presence_is_automatic END,
      presence_changed_at = CASE WHEN old.returns OR old.signs_in THEN ${now} ELSE a.presence_changed_at END
    FROM (
      SELECT id, presence, offline_by_loss AND connection_lost_at IS NOT NULL AS returns,
        (offline_by_loss AND connection_lost_at IS NULL)
          OR (presence = 'offline' AND default_presence IS NOT NULL AND presence_changed_at = created_at) AS signs_in
      FROM agents WHERE org_id = ${tx.orgId}::uuid AND ${who} ORDER BY id FOR NO KEY UPDATE
    ) old
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = old.id
    RETURNING a.id, old.presence::text AS before, a.presence::text AS after`
  notePresence(tx, steps)
}

/** These streams have ended: agents who have no other have lost their connection now. */
export async function endConnections(tx: OrgTx, ids: readonly string[], now: Date): Promise<void> {
  const agents = await tx.$queryRaw<{ agentId: string }[]>`
    DELETE FROM agent_connections WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...ids]}::uuid[])
    RETURNING agent_id AS "agentId"`
  await markLost(tx, agents, now)
}

/** Of processes that are gone: their streams were not seen since this moment. */
export async function endSilentConnections(
  tx: OrgTx,
  { since, except, now }: { since: Date; except: readonly string[]; now: Date },
): Promise<void> {
  const agents = await tx.$queryRaw<{ agentId: string }[]>`
    DELETE FROM agent_connections
    WHERE org_id = ${tx.orgId}::uuid AND seen_at <= ${since} AND id <> ALL (${[...except]}::uuid[])
    RETURNING agent_id AS "agentId"`
  await markLost(tx, agents, now)
}

/** Offline at once, so that nothing is offered to them; what was offered stays for a while. */
async function markLost(tx: OrgTx, agents: readonly { agentId: string }[], now: Date): Promise<void> {
  if (agents.length === 0) return
  const ids = [...new Set(agents.map(({ agentId }) => agentId))]
  // By itself: what is asked behind it sees the streams of another process that ended at the same moment
  await tx.$queryRaw`
    SELECT 1 FROM agents WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${ids}::uuid[]) ORDER BY id FOR NO KEY UPDATE`
  const { reclaimWorkAfterMinutes } = await findPresenceSettings(tx)
  const workLeavesAt = reclaimWorkAfterMinutes && later(now, minutes(reclaimWorkAfterMinutes))
  const steps = await tx.$queryRaw<PresenceStep[]>`
    UPDATE agents a SET work_leaves_at = ${workLeavesAt}::timestamptz, offline_by_loss = old.is_here OR a.offline_by_loss,
      connection_lost_at = CASE WHEN old.is_here THEN ${now}::timestamptz END,
      presence_before_loss = CASE WHEN old.is_here AND NOT a.presence_is_automatic THEN a.presence END,
      presence = 'offline', presence_is_automatic = false,
      presence_changed_at = CASE WHEN old.is_here THEN ${now} ELSE a.presence_changed_at END
    FROM (
      SELECT id, presence, presence IN ('available', 'busy', 'do_not_disturb', 'away', 'inactive') AS is_here
      FROM agents WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${ids}::uuid[])
    ) old
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = old.id AND a.works_by_stream
      AND NOT EXISTS (SELECT 1 FROM agent_connections c WHERE c.org_id = a.org_id AND c.agent_id = a.id)
    RETURNING a.id, old.presence::text AS before, a.presence::text AS after`
  notePresence(tx, steps)
}

/** Agents whose connection was lost before this moment and has not come back. */
export async function findLost(tx: OrgTx, before: Date): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM agents WHERE connection_lost_at <= ${before} AND org_id = ${tx.orgId}::uuid ORDER BY id`
  return rows.map(({ id }) => id)
}

/** Which of these agents have lost their connection and may still come back in time. */
export async function findLostOf(tx: OrgTx, agentIds: readonly string[]): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM agents
    WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(agentIds)]}::uuid[]) AND connection_lost_at IS NOT NULL`
  return new Set(rows.map(({ id }) => id))
}

/** From now on whoever returns signs in again. False where the connection has come back in the meantime. */
export async function endGrace(tx: OrgTx, agentId: string, before: Date): Promise<boolean> {
  const ended = await tx.$executeRaw`
    UPDATE agents SET connection_lost_at = NULL, presence_before_loss = NULL, presence_status_id = NULL
    WHERE org_id = ${tx.orgId}::uuid AND id = ${agentId}::uuid AND connection_lost_at <= ${before}`
  return ended > 0
}

/** Agents who have been gone for so long that their work goes to others. */
export async function findGone(tx: OrgTx, now: Date, limit: number): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM agents WHERE work_leaves_at <= ${now} AND org_id = ${tx.orgId}::uuid
    ORDER BY work_leaves_at LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/** Who of them is still gone; none of these comes back before this unit of work is over. */
export async function lockGone(tx: OrgTx, agentIds: readonly string[], now: Date): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM agents WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...agentIds]}::uuid[]) AND work_leaves_at <= ${now}
    ORDER BY id FOR NO KEY UPDATE`
  return new Set(rows.map(({ id }) => id))
}
