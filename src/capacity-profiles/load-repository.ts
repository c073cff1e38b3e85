import { notePresence, type PresenceStep } from '../agents/presence-changes.js'
import type { OrgTx } from '../db/database.js'

/** Keeps in step what agents' presence is made from, after what they have of their profiles has changed. */
export async function followProfiles(tx: OrgTx, agentIds: readonly string[]): Promise<void> {
  const steps = await tx.$queryRaw<PresenceStep[]>`
    UPDATE agents a SET profile_load = (
      SELECT CASE
        WHEN count(*) = 0 THEN NULL
        WHEN bool_or(p.used >= p.item_limit AND c.blocks_assignment) THEN 3
        WHEN bool_and(p.used >= p.item_limit) THEN 2
        WHEN sum(p.used) > 0 THEN 1 ELSE 0 END
      FROM agent_capacity_profiles p JOIN capacity_profiles c ON c.org_id = p.org_id AND c.id = p.profile_id
      WHERE p.org_id = a.org_id AND p.agent_id = a.id AND p.is_assigned)
    FROM (
      SELECT id, presence FROM agents
      WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(agentIds)]}::uuid[]) ORDER BY id FOR NO KEY UPDATE
    ) old
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = old.id
    RETURNING a.id, old.presence::text AS before, a.presence::text AS after`
  notePresence(tx, steps)
}
