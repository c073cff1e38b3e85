import type { OrgTx } from '../db/database.js'
import type { PresenceSettings, PresenceStatus } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { hours, later } from '../lib/clock.js'
import { notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'
import { notePresence, type PresenceStep } from './presence-changes.js'

export async function insertStatus(
  tx: OrgTx,
  fields: Pick<PresenceStatus, 'name' | 'presence'>,
  now: Date,
): Promise<PresenceStatus> {
  return tx.presenceStatus.create({
    data: { ...fields, orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now },
  })
}

export async function getStatus(tx: OrgTx, id: string): Promise<PresenceStatus> {
  const row = await tx.presenceStatus.findFirst({ where: { id } })
  if (!row) throw notFound('presence status')
  return row
}

export async function listStatuses(tx: OrgTx, page: PageRequest): Promise<PresenceStatus[]> {
  return tx.presenceStatus.findMany({ where: olderThan(page), orderBy: { id: 'desc' }, take: page.limit + 1 })
}

export async function renameStatus(tx: OrgTx, id: string, name: string, now: Date): Promise<void> {
  await tx.presenceStatus.updateMany({ where: { id }, data: { name, updatedAt: now } })
}

export async function deleteStatus(tx: OrgTx, id: string): Promise<void> {
  await tx.presenceStatus.deleteMany({ where: { id } })
}

/** So long wrap-up holds capacity of what is closed already */
const longestBlock = hours(1)

type Settings = Omit<PresenceSettings, 'orgId'>

export async function findPresenceSettings(tx: OrgTx): Promise<Settings> {
  const row = await tx.presenceSettings.findFirst()
  return {
    doNotDisturbOnReject: row?.doNotDisturbOnReject ?? false,
    inactiveOnMissedOffer: row?.inactiveOnMissedOffer ?? false,
    sessionsPerAgent: row?.sessionsPerAgent ?? 10,
    reclaimWorkAfterMinutes: row ? row.reclaimWorkAfterMinutes : 8,
  }
}

export async function savePresenceSettings(tx: OrgTx, settings: Settings): Promise<void> {
  const { orgId } = tx
  await tx.presenceSettings.upsert({
    where: { orgId },
    create: { ...settings, orgId },
    update: settings,
  })
}

/** How many sessions each agent may have from now on; what they have is counted anew. */
export async function limitSessions(tx: OrgTx, limit: number, now: Date): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM agents WHERE org_id = ${tx.orgId}::uuid ORDER BY id FOR NO KEY UPDATE`
  const steps = await tx.$queryRaw<PresenceStep[]>`
    UPDATE agents a SET session_limit = ${limit}, open_sessions = (
      SELECT count(*) FROM conversations c
      WHERE c.org_id = a.org_id AND c.agent_id = a.id AND c.status IN ('active', 'wrap_up')
        AND (c.held_units > 0 OR c.held_profile_ids <> '{}')) + (
      SELECT count(*) FROM conversations c
      WHERE c.org_id = a.org_id AND c.agent_id = a.id AND c.status = 'closed' AND c.closed_at > ${later(now, -longestBlock)}
        AND (c.held_units > 0 OR c.held_profile_ids <> '{}'))
    FROM agents old WHERE a.org_id = ${tx.orgId}::uuid AND old.org_id = a.org_id AND old.id = a.id
    RETURNING a.id, old.presence::text AS before, a.presence::text AS after`
  notePresence(tx, steps)
}
