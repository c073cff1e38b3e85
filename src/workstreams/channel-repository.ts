import type { OrgTx } from '../db/database.js'
import type { ChannelNumber, WorkstreamChannel } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { given } from '../lib/given.js'
import { newId } from '../lib/ids.js'

export type ChannelRow = WorkstreamChannel & { number: string }

interface Settings {
  language: string
  customerAttachments: boolean
  agentAttachments: boolean
  operatingHoursId: string | null
}

export async function insertChannel(
  tx: OrgTx,
  fields: Settings & { workstreamId: string; numberId: string },
  now: Date,
): Promise<WorkstreamChannel> {
  return tx.workstreamChannel.create({
    data: { ...fields, orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now },
  })
}

/** A number that is not deleted. */
export async function findNumber(tx: OrgTx, id: string): Promise<ChannelNumber | null> {
  return tx.channelNumber.findFirst({ where: { id, deletedAt: null } })
}

/** The workstream that has a number, if it was put into one. */
export async function findWorkstreamOf(
  tx: OrgTx,
  numberId: string,
): Promise<{ id: string; name: string } | null> {
  const channel = await tx.workstreamChannel.findFirst({ where: { numberId } })
  if (!channel) return null
  return tx.workstream.findFirst({
    where: { id: channel.workstreamId },
    select: { id: true, name: true },
  })
}

export async function getChannel(
  tx: OrgTx,
  { workstreamId, id }: { workstreamId: string; id: string },
): Promise<ChannelRow> {
  const row = await tx.workstreamChannel.findFirst({ where: { id, workstreamId } })
  if (!row) throw notFound('channel in this workstream')
  const [withNumber] = await addNumbers(tx, [row])
  return withNumber ?? { ...row, number: '' }
}

/** One more than the page holds. */
export async function listChannels(
  tx: OrgTx,
  workstreamId: string,
  page: PageRequest,
): Promise<ChannelRow[]> {
  const rows = await tx.workstreamChannel.findMany({
    where: { workstreamId, ...olderThan(page) },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  })
  return addNumbers(tx, rows)
}

export async function updateChannel(
  tx: OrgTx,
  id: string,
  change: { [Name in keyof Settings]: Settings[Name] | undefined },
  now: Date,
): Promise<void> {
  await tx.workstreamChannel.updateMany({ where: { id }, data: { ...given(change), updatedAt: now } })
}

export async function deleteChannel(tx: OrgTx, id: string): Promise<void> {
  await tx.workstreamChannel.deleteMany({ where: { id } })
}

export async function listNumbersOf(tx: OrgTx, workstreamId: string): Promise<string[]> {
  const rows = await tx.workstreamChannel.findMany({ where: { workstreamId }, take: 5 })
  return (await addNumbers(tx, rows)).map(({ number }) => number)
}

async function addNumbers(tx: OrgTx, rows: WorkstreamChannel[]): Promise<ChannelRow[]> {
  const numbers = await tx.channelNumber.findMany({
    where: { id: { in: rows.map(({ numberId }) => numberId) } },
    select: { id: true, address: true },
  })
  const addresses = new Map(numbers.map(({ id, address }) => [id, address]))
  return rows.map((row) => ({ ...row, number: addresses.get(row.numberId) ?? '' }))
}
