import { announcePresence, notePresence, type PresenceStep } from '../agents/presence-changes.js'
import { followProfiles } from '../capacity-profiles/load-repository.js'
import type { OrgTx } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { AppError } from '../lib/errors.js'
import { endOfDay } from '../lib/local-day.js'

/** What a conversation takes from its agent: a place of each of its capacity profiles, or units where it has none. */
export interface Capacity {
  units: number
  profileIds: readonly string[]
}

/** Somebody's claim on an agent's capacity. */
interface Claim extends Capacity {
  agentId: string
  now: Date
}

/** The presences in which an agent may be given work by itself; null where a person has chosen the agent. */
type Allowed = readonly string[] | null

/**
 * Gives capacity back to agents, and a session for each conversation that held some. Sorted, so that two units of work
 * never wait for each other. Whoever changes what an agent has of a profile locks the agent's row first. Places of daily
 * profiles stay taken until midnight.
 */
export async function releaseCapacity(
  tx: OrgTx,
  released: readonly (Capacity & { agentId: string })[],
  now: Date,
): Promise<void> {
  for (const agentId of [...new Set(released.map((each) => each.agentId))].sort()) {
    const own = released.filter((each) => each.agentId === agentId)
    const units = own.reduce((sum, each) => sum + each.units, 0)
    const steps = await tx.$queryRaw<PresenceStep[]>`
      UPDATE agents a SET used_units = used_units - ${units}, last_released_at = ${now},
        open_sessions = greatest(0, open_sessions - ${own.length}),
        overcommitted_units = least(overcommitted_units, greatest(0, used_units - ${units} - capacity_units))
      ${withPresence(tx, agentId)}`
    notePresence(tx, steps)
  }
  const places = released.flatMap(({ agentId, profileIds }) =>
    profileIds.map((profileId) => ({ agentId, profileId })),
  )
  if (places.length > 0) await releasePlaces(tx, places)
}

async function releasePlaces(tx: OrgTx, places: { agentId: string; profileId: string }[]): Promise<void> {
  const given = tx.$executeRaw`
    UPDATE agent_capacity_profiles p SET used = p.used - r.places,
      overcommitted = least(p.overcommitted, greatest(0, p.used - r.places - p.item_limit))
    FROM (
      SELECT "agentId", "profileId", count(*)::int AS places
      FROM jsonb_to_recordset(${JSON.stringify(places)}::jsonb) AS place("agentId" uuid, "profileId" uuid)
      GROUP BY 1, 2
    ) r
    WHERE p.org_id = ${tx.orgId}::uuid AND p.agent_id = r."agentId" AND p.profile_id = r."profileId" AND NOT p.is_daily`
  await Promise.all([
    given,
    followProfiles(
      tx,
      places.map(({ agentId }) => agentId),
    ),
  ])
}

/** Of one agent's row `a`: locked first, so that what it was before is what this changes. */
const withPresence = (tx: OrgTx, agentId: string, condition = Prisma.sql`true`) => Prisma.sql`
  FROM (SELECT id, presence FROM agents WHERE org_id = ${tx.orgId}::uuid AND id = ${agentId}::uuid FOR NO KEY UPDATE) old
  WHERE a.org_id = ${tx.orgId}::uuid AND a.id = old.id AND ${condition}
  RETURNING a.id, old.presence::text AS before, a.presence::text AS after`

const hasSession = Prisma.sql`a.open_sessions < a.session_limit`

/**
 * Takes capacity for work that a person chose (a pick, a resume), even beyond what the agent has: what goes beyond is
 * written down as overcommitted, so that the constraints go on holding for what the engine gives (domain.md 5.7). The
 * limit of sessions holds here too, unless it is forced.
 */
export async function takeCapacity(
  tx: OrgTx,
  claim: Claim,
  { isForced }: { isForced: boolean },
): Promise<void> {
  const isTaken = await takeBeyond(tx, claim, isForced ? Prisma.sql`true` : hasSession)
  if (!isTaken) throw await whyNotTaken(tx, claim.agentId)
}

/** The same for an offer to an agent whom the contact prefers. False where they may not be offered it by now. */
export function claimBeyond(tx: OrgTx, claim: Claim, allowed: readonly string[]): Promise<boolean> {
  return takeBeyond(tx, claim, Prisma.sql`${hasSession} AND a.presence::text = ANY(${[...allowed]})`)
}

async function takeBeyond(
  tx: OrgTx,
  { agentId, units, profileIds, now }: Claim,
  condition: Prisma.Sql,
): Promise<boolean> {
  const taken = await tx.$queryRaw<PresenceStep[]>`
    UPDATE agents a SET used_units = used_units + ${units}, last_assigned_at = ${now}, open_sessions = open_sessions + 1,
      overcommitted_units = greatest(overcommitted_units, used_units + ${units} - capacity_units)
    ${withPresence(tx, agentId, condition)}`
  notePresence(tx, taken)
  if (taken.length === 0 || profileIds.length === 0) return taken.length > 0
  const midnight = await findMidnight(tx, now)
  // An agent who was not given the profile has no place of it: all that they take is beyond it
  await tx.$executeRaw`
    INSERT INTO agent_capacity_profiles AS p
      (org_id, agent_id, profile_id, is_assigned, item_limit, is_daily, used, overcommitted, resets_at)
    SELECT c.org_id, ${agentId}::uuid, c.id, false, 0, c.reset = 'end_of_day', 1, 1,
      CASE WHEN c.reset = 'end_of_day' THEN ${midnight}::timestamptz END
    FROM capacity_profiles c WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ANY(${[...profileIds]}::uuid[])
    ON CONFLICT (org_id, agent_id, profile_id) DO UPDATE SET used = p.used + 1,
      overcommitted = greatest(p.overcommitted, p.used + 1 - p.item_limit),
      resets_at = coalesce(p.resets_at, excluded.resets_at)`
  await followProfiles(tx, [agentId])
  return true
}

async function whyNotTaken(tx: OrgTx, agentId: string): Promise<AppError> {
  const agent = await tx.agent.findFirst({ where: { id: agentId }, select: { sessionLimit: true } })
  return agent
    ? new AppError(
        'conflict',
        `You have ${agent.sessionLimit} conversations at a time, which is the most that your organization allows. Close or end one first.`,
      )
    : new AppError('forbidden', 'The agent of this key does not exist.')
}

/** Takes capacity and a session for an offer. False where the agent has become unavailable or full in the meantime. */
export async function claimCapacity(tx: OrgTx, claim: Claim, allowed: Allowed): Promise<boolean> {
  const { agentId, units, profileIds, now } = claim
  if (profileIds.length > 0) return claimPlaces(tx, claim, allowed)
  const claimed = await tx.$queryRaw<PresenceStep[]>`
    UPDATE agents a SET used_units = used_units + ${units}, open_sessions = open_sessions + 1, last_assigned_at = ${now}
    FROM (
      SELECT id, presence FROM agents
      WHERE org_id = ${tx.orgId}::uuid AND id = ${agentId}::uuid AND ${isAllowed(allowed)} FOR NO KEY UPDATE
    ) old
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = old.id AND used_units + ${units} <= capacity_units AND ${hasSession}
    RETURNING a.id, old.presence::text AS before, a.presence::text AS after`
  notePresence(tx, claimed)
  return claimed.length === 1
}

const isAllowed = (allowed: Allowed) => Prisma.sql`
  (presence::text = ANY(${[...(allowed ?? [])]}) OR ${allowed === null})`

/** All or none. A profile that was deleted counts for nothing. */
async function claimPlaces(
  tx: OrgTx,
  { agentId, profileIds, now }: Claim,
  allowed: Allowed,
): Promise<boolean> {
  const ids = [...profileIds]
  const [locked, lacking, midnight] = await Promise.all([
    tx.$queryRaw`
      SELECT 1 FROM agents a WHERE id = ${agentId}::uuid AND ${isAllowed(allowed)} AND ${hasSession} FOR NO KEY UPDATE`,
    tx.$queryRaw<unknown[]>`
      SELECT 1 FROM capacity_profiles c
      LEFT JOIN agent_capacity_profiles p ON p.org_id = c.org_id AND p.agent_id = ${agentId}::uuid AND p.profile_id = c.id
        AND p.is_assigned AND p.used < p.item_limit
      WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ANY(${ids}::uuid[]) AND p.profile_id IS NULL`,
    findMidnight(tx, now),
  ])
  if ((locked as unknown[]).length === 0 || lacking.length > 0) return false
  const [, counted] = await Promise.all([
    tx.$executeRaw`
      UPDATE agent_capacity_profiles SET used = used + 1,
        resets_at = CASE WHEN is_daily THEN coalesce(resets_at, ${midnight}::timestamptz) END
      WHERE org_id = ${tx.orgId}::uuid AND agent_id = ${agentId}::uuid AND profile_id = ANY(${ids}::uuid[])`,
    tx.$queryRaw<PresenceStep[]>`
      UPDATE agents a SET open_sessions = open_sessions + 1, last_assigned_at = ${now} ${withPresence(tx, agentId)}`,
    followProfiles(tx, [agentId]),
  ])
  notePresence(tx, counted)
  return true
}

/** When daily profiles count from 0 again: the end of the organization's day. */
async function findMidnight(tx: OrgTx, now: Date): Promise<Date> {
  const [organization] = await tx.$queryRaw<{ timeZone: string }[]>`
    SELECT time_zone AS "timeZone" FROM organizations WHERE id = ${tx.orgId}::uuid`
  return endOfDay(now, organization?.timeZone ?? 'UTC')
}

/** Lets daily profiles whose day is over count from 0, and answers whether there were any. */
export async function resetDailyProfiles(tx: OrgTx, now: Date): Promise<boolean> {
  const agents = await tx.$queryRaw<{ id: string }[]>`
    SELECT a.id FROM agents a WHERE a.org_id = ${tx.orgId}::uuid AND a.id IN (
      SELECT p.agent_id FROM agent_capacity_profiles p WHERE p.resets_at <= ${now} AND p.org_id = ${tx.orgId}::uuid)
    ORDER BY a.id FOR NO KEY UPDATE`
  if (agents.length === 0) return false
  await tx.$executeRaw`
    UPDATE agent_capacity_profiles SET used = 0, overcommitted = 0, resets_at = NULL
    WHERE resets_at <= ${now} AND org_id = ${tx.orgId}::uuid`
  await followProfiles(
    tx,
    agents.map(({ id }) => id),
  )
  await announcePresence(tx, now)
  return true
}

/**
 * In the order in which agents are locked everywhere, where capacity goes from one to the other. Answers who of them may
 * have one more conversation.
 */
export async function lockAgents(tx: OrgTx, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ id: string; hasSession: boolean }[]>`
    SELECT a.id, ${hasSession} AS "hasSession" FROM agents a
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = ANY(${[...new Set(ids)]}::uuid[]) ORDER BY a.id FOR NO KEY UPDATE`
  return new Set(rows.flatMap(({ id, hasSession }) => (hasSession ? id : [])))
}
