import type { OrgTx } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import type { PreferredAgents } from './preference.js'

export interface RoutingSettings {
  declineLimit: number
  /** What becomes of a conversation whose queue, and the fallback queue, have no members at all */
  queueWithoutMembers: 'keep_open' | 'close'
  preferredAgents: PreferredAgents
}

export const defaultSettings: RoutingSettings = {
  declineLimit: 3,
  queueWithoutMembers: 'keep_open',
  preferredAgents: 'off',
}

export async function findRoutingSettings(tx: OrgTx): Promise<RoutingSettings> {
  const [row] = await tx.$queryRaw<RoutingSettings[]>`
    SELECT decline_limit AS "declineLimit", queue_without_members AS "queueWithoutMembers",
      preferred_agents AS "preferredAgents"
    FROM routing_settings WHERE org_id = ${tx.orgId}::uuid`
  return row ?? defaultSettings
}

export async function saveRoutingSettings(
  tx: OrgTx,
  { declineLimit, queueWithoutMembers, preferredAgents }: RoutingSettings,
  now: Date,
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO routing_settings (org_id, decline_limit, queue_without_members, preferred_agents, updated_at)
    VALUES (${tx.orgId}::uuid, ${declineLimit}, ${queueWithoutMembers}, ${preferredAgents}, ${now})
    ON CONFLICT (org_id) DO UPDATE SET decline_limit = excluded.decline_limit,
      queue_without_members = excluded.queue_without_members, preferred_agents = excluded.preferred_agents,
      updated_at = excluded.updated_at`
}

/** For statements that ask it only where it matters; null where nothing was ever set. */
export const preferredAgentsMode = (tx: OrgTx) =>
  Prisma.sql`(SELECT preferred_agents FROM routing_settings WHERE org_id = ${tx.orgId}::uuid)`
