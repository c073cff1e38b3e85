import type { OrgTx } from '../db/database.js'
import type { AgentCapacityProfile, CapacityProfile } from '../db/generated/client.js'
import { idPattern, olderThan, type PageRequest, readCursor } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { given } from '../lib/given.js'
import { newId } from '../lib/ids.js'

type Fields = Pick<CapacityProfile, 'name' | 'workItemLimit' | 'reset' | 'blocksAssignment'>

export async function insertProfile(tx: OrgTx, fields: Fields, now: Date): Promise<CapacityProfile> {
  return tx.capacityProfile.create({
    data: { ...fields, orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now },
  })
}

export async function getProfile(tx: OrgTx, id: string): Promise<CapacityProfile> {
  const row = await tx.capacityProfile.findFirst({ where: { id } })
  if (!row) throw notFound('capacity profile')
  return row
}

export async function listProfiles(tx: OrgTx, page: PageRequest): Promise<CapacityProfile[]> {
  return tx.capacityProfile.findMany({
    where: olderThan(page),
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  })
}

export async function updateProfile(
  tx: OrgTx,
  id: string,
  change: { [Name in 'name' | 'workItemLimit' | 'blocksAssignment']: Fields[Name] | undefined },
  now: Date,
): Promise<void> {
  await tx.capacityProfile.updateMany({ where: { id }, data: { ...given(change), updatedAt: now } })
}

/** What agents have at hand beyond a lowered limit is written down as overcommitted; a raised one takes it in again. */
export async function spreadLimit(tx: OrgTx, profileId: string, limit: number): Promise<void> {
  await tx.$queryRaw`
    SELECT a.id FROM agents a WHERE a.org_id = ${tx.orgId}::uuid AND a.id IN (
      SELECT p.agent_id FROM agent_capacity_profiles p
      WHERE p.org_id = ${tx.orgId}::uuid AND p.profile_id = ${profileId}::uuid AND p.is_assigned AND p.custom_limit IS NULL)
    ORDER BY a.id FOR NO KEY UPDATE`
  await tx.$executeRaw`
    UPDATE agent_capacity_profiles SET item_limit = ${limit}, overcommitted = greatest(0, used - ${limit})
    WHERE org_id = ${tx.orgId}::uuid AND profile_id = ${profileId}::uuid AND is_assigned AND custom_limit IS NULL`
}

export async function findAgentsWith(tx: OrgTx, profileId: string): Promise<string[]> {
  const rows = await tx.agentCapacityProfile.findMany({
    where: { profileId, isAssigned: true },
    select: { agentId: true },
  })
  return rows.map(({ agentId }) => agentId)
}

/** What still needs a profile, for people. */
export async function findProfileUses(tx: OrgTx, id: string): Promise<string[]> {
  const workstreams = await tx.workstream.findMany({
    where: { capacityProfileId: id },
    select: { name: true },
    take: 5,
  })
  const agents = await tx.agentCapacityProfile.count({ where: { profileId: id, isAssigned: true } })
  const classified = await tx.$queryRaw<{ name: string }[]>`
    SELECT w.name FROM classification_rules c JOIN workstreams w ON w.org_id = c.org_id AND w.id = c.workstream_id
    WHERE c.org_id = ${tx.orgId}::uuid AND strpos(c.rulesets::text, ${id}) > 0 ORDER BY w.name LIMIT 5`
  return [
    ...workstreams.map(({ name }) => `the workstream "${name}" uses it`),
    ...classified.map(({ name }) => `the classification rules of the workstream "${name}" set it`),
    ...(agents > 0 ? [`${agents} ${agents === 1 ? 'agent has' : 'agents have'} it`] : []),
  ]
}

export async function deleteProfile(tx: OrgTx, id: string): Promise<void> {
  await tx.capacityProfile.deleteMany({ where: { id } })
}

export type AgentProfile = AgentCapacityProfile & { name: string }

export async function hasAgent(tx: OrgTx, id: string): Promise<boolean> {
  return (await tx.agent.count({ where: { id } })) > 0
}

/** In the order of their profiles' ids; one more than the page holds. */
export async function listAgentProfiles(
  tx: OrgTx,
  agentId: string,
  page: PageRequest,
): Promise<AgentProfile[]> {
  const [after] = readCursor(page.cursor, [idPattern]) ?? []
  const rows = await tx.agentCapacityProfile.findMany({
    where: { agentId, isAssigned: true, ...(after && { profileId: { gt: after } }) },
    orderBy: { profileId: 'asc' },
    take: page.limit + 1,
  })
  return named(tx, rows)
}

export async function findAgentProfile(
  tx: OrgTx,
  { agentId, profileId }: { agentId: string; profileId: string },
): Promise<AgentProfile | null> {
  const rows = await tx.agentCapacityProfile.findMany({ where: { agentId, profileId, isAssigned: true } })
  return (await named(tx, rows))[0] ?? null
}

async function named(tx: OrgTx, rows: AgentCapacityProfile[]): Promise<AgentProfile[]> {
  const profiles = await tx.capacityProfile.findMany({
    where: { id: { in: rows.map(({ profileId }) => profileId) } },
    select: { id: true, name: true },
  })
  const names = new Map(profiles.map(({ id, name }) => [id, name]))
  return rows.map((row) => ({ ...row, name: names.get(row.profileId) ?? '' }))
}

/** What the agent has taken of it already counts. */
export async function assignProfile(
  tx: OrgTx,
  {
    agentId,
    profile,
    customLimit,
  }: { agentId: string; profile: CapacityProfile; customLimit: number | null },
): Promise<void> {
  const limit = customLimit ?? profile.workItemLimit
  await tx.$executeRaw`
    INSERT INTO agent_capacity_profiles AS p
      (org_id, agent_id, profile_id, is_assigned, custom_limit, item_limit, is_daily)
    VALUES (${tx.orgId}::uuid, ${agentId}::uuid, ${profile.id}::uuid, true, ${customLimit}::int, ${limit},
      ${profile.reset === 'end_of_day'})
    ON CONFLICT (org_id, agent_id, profile_id) DO UPDATE SET is_assigned = true, custom_limit = excluded.custom_limit,
      item_limit = excluded.item_limit, overcommitted = greatest(0, p.used - excluded.item_limit)`
}

/** The row stays, for what the agent has at hand is still given back. */
export async function withdrawProfile(
  tx: OrgTx,
  { agentId, profileId }: { agentId: string; profileId: string },
): Promise<void> {
  await tx.$executeRaw`
    UPDATE agent_capacity_profiles SET is_assigned = false, custom_limit = NULL, item_limit = 0, overcommitted = used
    WHERE org_id = ${tx.orgId}::uuid AND agent_id = ${agentId}::uuid AND profile_id = ${profileId}::uuid`
}
