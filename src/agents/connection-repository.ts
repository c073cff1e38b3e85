import type { OrgTx } from '../db/database.js'
import { notePresence, type PresenceStep } from './presence-changes.js'

export interface Connection {
  id: string
  agentId: string
}

/** Says that these streams stand, also where they were taken for gone. */
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
  await tx.$executeRaw`
    UPDATE agents SET connection_lost_at = NULL
    WHERE org_id = ${tx.orgId}::uuid AND connection_lost_at IS NOT NULL
      AND id = ANY(${connections.map(({ agentId }) => agentId)}::uuid[])`
}

/**
 * The agent is connected. One who was set offline because the connection was lost signs in again, and so does a new one who
 * has a default presence: away, do not disturb and offline as it says, otherwise by what they have (domain.md 5.8).
 */
export async function signIn(tx: OrgTx, agentId: string, now: Date): Promise<void> {
  const steps = await tx.$queryRaw<PresenceStep[]>`
    UPDATE agents a SET works_by_stream = true, connection_lost_at = NULL, offline_by_loss = false,
      presence = CASE WHEN NOT old.signs_in THEN a.presence
        WHEN a.default_presence IN ('away', 'do_not_disturb', 'offline') THEN a.default_presence
        ELSE load_presence(a.used_units, a.capacity_units, a.profile_load, a.open_sessions, a.session_limit) END,
      presence_is_automatic = CASE WHEN NOT old.signs_in THEN a.presence_is_automatic
        ELSE coalesce(a.default_presence NOT IN ('away', 'do_not_disturb', 'offline'), true) END,
      presence_changed_at = CASE WHEN old.signs_in THEN ${now} ELSE a.presence_changed_at END
    FROM (
      SELECT id, presence, presence = 'offline' AND (offline_by_loss
        OR (default_presence IS NOT NULL AND presence_changed_at = created_at)) AS signs_in
      FROM agents WHERE org_id = ${tx.orgId}::uuid AND id = ${agentId}::uuid FOR NO KEY UPDATE
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

async function markLost(tx: OrgTx, agents: readonly { agentId: string }[], now: Date): Promise<void> {
  if (agents.length === 0) return
  const ids = [...new Set(agents.map(({ agentId }) => agentId))].sort()
  await tx.$queryRaw`
    SELECT 1 FROM agents WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${ids}::uuid[]) ORDER BY id FOR NO KEY UPDATE`
  await tx.$executeRaw`
    UPDATE agents a SET connection_lost_at = ${now}
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = ANY(${ids}::uuid[]) AND a.works_by_stream
      AND a.presence IN ('available', 'busy', 'do_not_disturb', 'away', 'inactive')
      AND NOT EXISTS (SELECT 1 FROM agent_connections c WHERE c.org_id = a.org_id AND c.agent_id = a.id)`
}

/** Agents whose connection was lost before this moment and has not come back. */
export async function findLost(tx: OrgTx, before: Date): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM agents WHERE connection_lost_at <= ${before} AND org_id = ${tx.orgId}::uuid ORDER BY id`
  return rows.map(({ id }) => id)
}

/** Which of these agents have lost their connection, and since when. */
export async function findLostSince(tx: OrgTx, agentIds: readonly string[]): Promise<Map<string, Date>> {
  const rows = await tx.$queryRaw<{ id: string; since: Date }[]>`
    SELECT id, connection_lost_at AS since FROM agents
    WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(agentIds)]}::uuid[]) AND connection_lost_at IS NOT NULL`
  return new Map(rows.map(({ id, since }) => [id, since]))
}

/** False where the connection has come back in the meantime. */
export async function setOffline(
  tx: OrgTx,
  agentId: string,
  { before, now }: { before: Date; now: Date },
): Promise<boolean> {
  const steps = await tx.$queryRaw<PresenceStep[]>`
    UPDATE agents a SET presence = 'offline', presence_is_automatic = false, presence_status_id = NULL,
      offline_by_loss = true, connection_lost_at = NULL, presence_changed_at = ${now}
    FROM (SELECT id, presence FROM agents WHERE org_id = ${tx.orgId}::uuid AND id = ${agentId}::uuid FOR NO KEY UPDATE) old
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = old.id AND a.connection_lost_at <= ${before}
    RETURNING a.id, old.presence::text AS before, a.presence::text AS after`
  notePresence(tx, steps)
  return steps.length > 0
}
