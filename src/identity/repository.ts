import type { Database, OrgTx } from '../db/database.js'
import { type AccessKey, type Organization, Prisma } from '../db/generated/client.js'
import { idPattern, olderThan, type PageRequest, readCursor } from '../db/page.js'
import { columnsOf } from '../db/rows.js'
import { askSystem } from '../db/system.js'
import type { Role } from '../lib/caller.js'
import { notFound } from '../lib/errors.js'
import { given } from '../lib/given.js'

/** Newest first, one more than the page holds. */
export function listOrganizations(db: Database, page: PageRequest): Promise<Organization[]> {
  const [before] = readCursor(page.cursor, [idPattern]) ?? []
  return askSystem<Organization>(
    db,
    Prisma.sql`
      SELECT ${columnsOf(Prisma.OrganizationScalarFieldEnum, 'o')} FROM organizations o
      WHERE (${before ?? null}::uuid IS NULL OR o.id < ${before ?? null}::uuid) ORDER BY o.id DESC LIMIT ${page.limit + 1}`,
  )
}

/** For a change of it. */
export async function lockOrganization(tx: OrgTx): Promise<Organization> {
  await tx.$queryRaw`SELECT 1 FROM organizations WHERE id = ${tx.orgId}::uuid FOR NO KEY UPDATE`
  return getOrganization(tx)
}

/** The organization of this unit of work. */
export async function getOrganization(tx: OrgTx): Promise<Organization> {
  const row = await tx.organization.findFirst({ where: { id: tx.orgId } })
  if (!row) throw notFound('organization')
  return row
}

export async function insertOrganization(
  tx: OrgTx,
  fields: { name: string; timeZone: string; defaultCountry: string | null; now: Date },
): Promise<Organization> {
  const { now, ...rest } = fields
  return tx.organization.create({ data: { ...rest, id: tx.orgId, createdAt: now, updatedAt: now } })
}

interface OrganizationChange {
  name: string | undefined
  timeZone: string | undefined
  defaultCountry: string | null | undefined
  smsEnabled: boolean | undefined
  whatsappEnabled: boolean | undefined
  suspendedAt: Date | null | undefined
  requestsPerMinute: number | null | undefined
  requestsPerMinutePerKey: number | null | undefined
}

export async function updateOrganization(tx: OrgTx, change: OrganizationChange, now: Date): Promise<void> {
  await tx.organization.updateMany({ where: { id: tx.orgId }, data: { ...given(change), updatedAt: now } })
}

export async function listKeys(tx: OrgTx, page: PageRequest): Promise<AccessKey[]> {
  return tx.accessKey.findMany({ where: olderThan(page), orderBy: { id: 'desc' }, take: page.limit + 1 })
}

export async function getKey(tx: OrgTx, id: string): Promise<AccessKey> {
  const row = await tx.accessKey.findFirst({ where: { id } })
  if (!row) throw notFound('key')
  return row
}

/** Revokes a key for good; one that is revoked already stays as it is. */
export async function revokeKey(tx: OrgTx, id: string, now: Date): Promise<void> {
  await tx.accessKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now } })
}

/** The roles of keys and tokens, by their ids: none where they are revoked or expired, or the organization is suspended. */
export async function findLiveRoles(
  tx: OrgTx,
  keyIds: readonly string[],
  now: Date,
): Promise<Map<string, Role>> {
  const rows = await tx.$queryRaw<{ id: string; role: Role }[]>`
    SELECT k.id, k.role::text FROM access_keys k JOIN organizations o ON o.id = k.org_id
    WHERE k.org_id = ${tx.orgId}::uuid AND k.id = ANY (${[...keyIds]}::uuid[]) AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > ${now}) AND o.suspended_at IS NULL`
  return new Map(rows.map(({ id, role }) => [id, role]))
}
