import type { OrgTx } from '../db/database.js'
import type { Channel, ChannelAccount, Prisma } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'

/** With deleted ones. */
export async function findAccounts(tx: OrgTx, ids: readonly string[]): Promise<ChannelAccount[]> {
  return tx.channelAccount.findMany({ where: { id: { in: [...ids] } } })
}

export async function getAccount(tx: OrgTx, id: string): Promise<ChannelAccount> {
  const row = await tx.channelAccount.findFirst({ where: { id, deletedAt: null } })
  if (!row) throw notFound('channel account')
  return row
}

/** For a change of the account. Callbacks are stored meanwhile: their foreign key needs a weaker lock. */
export async function lockAccount(tx: OrgTx, id: string): Promise<ChannelAccount> {
  await tx.$queryRaw`
    SELECT id FROM channel_accounts WHERE org_id = ${tx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`
  return getAccount(tx, id)
}

/** Keeps the account from being deleted in this unit of work; null where there is none. */
export async function holdAccount(tx: OrgTx, id: string): Promise<ChannelAccount | null> {
  await tx.$queryRaw`
    SELECT id FROM channel_accounts WHERE org_id = ${tx.orgId}::uuid AND id = ${id}::uuid FOR SHARE`
  return tx.channelAccount.findFirst({ where: { id, deletedAt: null } })
}

/** One more than the page holds. */
export async function listAccounts(tx: OrgTx, page: PageRequest): Promise<ChannelAccount[]> {
  return tx.channelAccount.findMany({
    where: { deletedAt: null, ...olderThan(page) },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  })
}

export async function insertAccount(
  tx: OrgTx,
  fields: Omit<Prisma.ChannelAccountCreateManyInput, 'orgId'>,
): Promise<ChannelAccount> {
  return tx.channelAccount.create({ data: { ...fields, orgId: tx.orgId } })
}

export async function updateAccount(
  tx: OrgTx,
  id: string,
  change: Prisma.ChannelAccountUpdateManyMutationInput,
): Promise<void> {
  await tx.channelAccount.updateMany({ where: { id }, data: change })
}

/** Only if the account is still the one that was checked: a result for other credentials says nothing. */
export async function saveValidation(
  tx: OrgTx,
  { id, version }: { id: string; version: number },
  validation: Pick<
    Prisma.ChannelAccountUpdateManyMutationInput,
    'validationStatus' | 'validationCheckedAt' | 'validationChecks'
  >,
): Promise<void> {
  await tx.channelAccount.updateMany({ where: { id, version, deletedAt: null }, data: validation })
}

/** Whether the organization may use the channel. */
export async function isChannelEnabled(tx: OrgTx, channel: Channel): Promise<boolean> {
  const { smsEnabled, whatsappEnabled } = await tx.organization.findFirstOrThrow({
    where: { id: tx.orgId },
    select: { smsEnabled: true, whatsappEnabled: true },
  })
  return channel === 'sms' ? smsEnabled : whatsappEnabled
}
