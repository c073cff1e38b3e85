import type { OrgTx } from '../db/database.js'
import type { Channel, ChannelNumber, Prisma, Workstream } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'

export type NumberRow = ChannelNumber

/** Where a number works. */
export interface NumberPlace {
  workstreamId: string
  language: string
}

/** What a number that was put into no workstream works with. */
export const defaultLanguage = 'en-US'

export const numberKey = ({ channel, address }: { channel: Channel; address: string }): string =>
  `${channel} ${address}`

export async function getNumber(tx: OrgTx, id: string): Promise<NumberRow> {
  const row = await tx.channelNumber.findFirst({ where: { id, deletedAt: null } })
  if (!row) throw notFound('channel number')
  return row
}

/** One more than the page holds. */
export async function listNumbers(
  tx: OrgTx,
  { accountId, ...page }: PageRequest & { accountId?: string | undefined },
): Promise<NumberRow[]> {
  return tx.channelNumber.findMany({
    where: { deletedAt: null, ...(accountId && { accountId }), ...olderThan(page) },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  })
}

/** The numbers of an account that are not deleted, oldest first. */
export async function listNumbersOf(tx: OrgTx, accountId: string): Promise<NumberRow[]> {
  return tx.channelNumber.findMany({ where: { accountId, deletedAt: null }, orderBy: { id: 'asc' } })
}

export async function insertNumber(
  tx: OrgTx,
  fields: Omit<Prisma.ChannelNumberCreateManyInput, 'orgId'>,
): Promise<NumberRow> {
  return tx.channelNumber.create({ data: { ...fields, orgId: tx.orgId } })
}

export async function updateNumber(
  tx: OrgTx,
  id: string,
  change: Prisma.ChannelNumberUpdateManyMutationInput,
): Promise<void> {
  await tx.channelNumber.updateMany({ where: { id }, data: change })
}

/** Writes from when on each number may send again. */
export async function saveNextSends(tx: OrgTx, nextSends: ReadonlyMap<string, Date>): Promise<void> {
  if (nextSends.size === 0) return
  const times = [...nextSends.values()].map((time) => time.toISOString())
  await tx.$executeRaw`
    UPDATE channel_numbers n SET next_send_at = given.at
    FROM unnest(${[...nextSends.keys()]}::uuid[], ${times}::timestamptz[]) AS given(id, at)
    WHERE n.org_id = ${tx.orgId}::uuid AND n.id = given.id`
}

/** By number id: where it was put, or the built-in workstream of its channel. */
export async function findPlaces(
  tx: OrgTx,
  numbers: readonly NumberRow[],
): Promise<Map<string, NumberPlace>> {
  const explicit = await tx.workstreamChannel.findMany({
    where: { numberId: { in: numbers.map(({ id }) => id) } },
    select: { numberId: true, workstreamId: true, language: true },
  })
  const builtIns = await tx.workstream.findMany({
    where: { isBuiltIn: true },
    select: { id: true, channel: true },
  })
  const byNumber = new Map(explicit.map(({ numberId, ...place }) => [numberId, place]))
  const byChannel = new Map(builtIns.map(({ id, channel }) => [channel, id]))
  return new Map(
    numbers.map(({ id, channel }) => [
      id,
      byNumber.get(id) ?? { workstreamId: byChannel.get(channel) ?? '', language: defaultLanguage },
    ]),
  )
}

export async function findWorkstream(tx: OrgTx, id: string): Promise<Workstream | null> {
  return tx.workstream.findFirst({ where: { id } })
}

export async function getBuiltInWorkstream(tx: OrgTx, channel: Channel): Promise<Workstream> {
  return tx.workstream.findFirstOrThrow({ where: { channel, isBuiltIn: true } })
}

/** Puts a number to work in a workstream. */
export async function insertPlace(
  tx: OrgTx,
  place: NumberPlace & { numberId: string },
  now: Date,
): Promise<void> {
  await tx.workstreamChannel.create({
    data: { ...place, orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now },
  })
}

export async function deletePlace(tx: OrgTx, numberId: string): Promise<void> {
  await tx.workstreamChannel.deleteMany({ where: { numberId } })
}
