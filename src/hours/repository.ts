import type { OrgTx } from '../db/database.js'
import type { OperatingHours, Prisma } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'
import type { Schedule } from './schedule.js'

export interface HoursFields extends Schedule {
  name: string
  description: string | null
}

type Columns = Pick<Prisma.OperatingHoursUncheckedCreateInput, keyof HoursFields>

export async function insertHours(tx: OrgTx, fields: HoursFields, now: Date): Promise<OperatingHours> {
  const columns = fields as unknown as Columns
  return tx.operatingHours.create({
    data: { ...columns, orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now },
  })
}

export async function getHours(tx: OrgTx, id: string): Promise<OperatingHours> {
  const row = await tx.operatingHours.findFirst({ where: { id } })
  if (!row) throw notFound('operating hours')
  return row
}

export async function listHours(tx: OrgTx, page: PageRequest): Promise<OperatingHours[]> {
  return tx.operatingHours.findMany({
    where: olderThan(page),
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  })
}

export async function updateHours(
  tx: OrgTx,
  id: string,
  change: Partial<HoursFields>,
  now: Date,
): Promise<void> {
  const columns = change as unknown as Partial<Columns>
  await tx.operatingHours.updateMany({ where: { id }, data: { ...columns, updatedAt: now } })
}

export async function deleteHours(tx: OrgTx, id: string): Promise<void> {
  await tx.operatingHours.deleteMany({ where: { id } })
}

/** Whether they exist; if so they cannot be deleted before this unit of work has ended. */
export async function holdHours(tx: OrgTx, id: string): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM operating_hours WHERE org_id = ${tx.orgId}::uuid AND id = ${id}::uuid FOR KEY SHARE`
  return rows.length > 0
}

/** What keeps to these hours, for people. */
export async function findHoursUses(tx: OrgTx, id: string): Promise<string[]> {
  const queues = await tx.queue.findMany({
    where: { operatingHoursId: id },
    select: { name: true },
    take: 5,
  })
  const numbers = await tx.$queryRaw<{ address: string }[]>`
    SELECT n.address FROM workstream_channels c JOIN channel_numbers n ON n.org_id = c.org_id AND n.id = c.number_id
    WHERE c.org_id = ${tx.orgId}::uuid AND c.operating_hours_id = ${id}::uuid LIMIT 5`
  return [
    ...queues.map(({ name }) => `the queue "${name}"`),
    ...numbers.map(({ address }) => `the number ${address} in its workstream`),
  ]
}

type ScheduleRow = Pick<OperatingHours, 'id' | 'timeZone' | 'weekly' | 'exceptions' | 'holidays'>

export async function findSchedules(tx: OrgTx, ids: readonly string[]): Promise<ScheduleRow[]> {
  return tx.$queryRaw<ScheduleRow[]>`
    SELECT id, time_zone AS "timeZone", weekly, exceptions, holidays FROM operating_hours
    WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(ids)]}::uuid[])`
}
