import type { OrgTx } from '../db/database.js'
import type { PresenceSettings, PresenceStatus } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'

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

type Switches = Omit<PresenceSettings, 'orgId'>

export async function findPresenceSettings(tx: OrgTx): Promise<Switches> {
  const row = await tx.presenceSettings.findFirst()
  return {
    doNotDisturbOnReject: row?.doNotDisturbOnReject ?? false,
    inactiveOnMissedOffer: row?.inactiveOnMissedOffer ?? false,
  }
}

export async function savePresenceSettings(tx: OrgTx, switches: Switches): Promise<void> {
  const { orgId } = tx
  await tx.presenceSettings.upsert({
    where: { orgId },
    create: { ...switches, orgId },
    update: switches,
  })
}
