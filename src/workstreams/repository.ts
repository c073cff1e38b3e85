import type { OrgTx } from '../db/database.js'
import type { Prisma, Workstream } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'

export async function insertWorkstream(
  tx: OrgTx,
  fields: Omit<Prisma.WorkstreamUncheckedCreateInput, 'orgId'>,
): Promise<Workstream> {
  return tx.workstream.create({ data: { ...fields, orgId: tx.orgId } })
}

export async function getWorkstream(tx: OrgTx, id: string): Promise<Workstream> {
  const row = await tx.workstream.findFirst({ where: { id } })
  if (!row) throw notFound('workstream')
  return row
}

/** Whoever changes a workstream's rules, numbers or existence holds it, so that such changes follow each other. */
export async function lockWorkstream(tx: OrgTx, id: string): Promise<Workstream> {
  await tx.$queryRaw`SELECT id FROM workstreams WHERE id = ${id}::uuid FOR UPDATE`
  return getWorkstream(tx, id)
}

export async function listWorkstreams(tx: OrgTx, page: PageRequest): Promise<Workstream[]> {
  return tx.workstream.findMany({ where: olderThan(page), orderBy: { id: 'desc' }, take: page.limit + 1 })
}

export async function updateWorkstream(
  tx: OrgTx,
  id: string,
  change: Prisma.WorkstreamUncheckedUpdateManyInput,
): Promise<void> {
  await tx.workstream.updateMany({ where: { id }, data: change })
}

export async function deleteWorkstream(tx: OrgTx, id: string): Promise<void> {
  await tx.workstream.deleteMany({ where: { id } })
}

export async function hasCapacityProfile(tx: OrgTx, id: string): Promise<boolean> {
  return (await tx.capacityProfile.count({ where: { id } })) > 0
}
