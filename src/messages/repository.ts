import type { OrgTx } from '../db/database.js'
import { type Media, type Message, Prisma } from '../db/generated/client.js'
import { columnsOf, insertRows } from '../db/rows.js'
import { notFound } from '../lib/errors.js'
import type { MessageRow } from './present.js'

export const insertMessages = (tx: OrgTx, rows: readonly MessageRow[]): Promise<void> =>
  insertRows(tx, 'messages', rows)

export const insertMedia = (tx: OrgTx, rows: readonly Media[]): Promise<void> => insertRows(tx, 'media', rows)

/** Our messages that the provider names by its ids, either direction, by `accountId providerMessageId`. */
export async function findByProviderIds(
  tx: OrgTx,
  wanted: readonly { accountId: string; providerMessageId: string }[],
): Promise<Map<string, { id: string; conversationId: string }>> {
  if (wanted.length === 0) return new Map()
  const accountIds = wanted.map(({ accountId }) => accountId)
  const providerMessageIds = wanted.map(({ providerMessageId }) => providerMessageId)
  // One index look-up each, whatever the planner believes about a table that is new
  const rows = await tx.$queryRaw<
    { id: string; conversationId: string; accountId: string; providerMessageId: string }[]
  >`
    SELECT m.id, m.conversation_id AS "conversationId", w.account_id AS "accountId", w.id AS "providerMessageId"
    FROM unnest(${accountIds}::uuid[], ${providerMessageIds}::text[]) AS w(account_id, id) CROSS JOIN LATERAL (
      SELECT * FROM messages m WHERE m.org_id = ${tx.orgId}::uuid AND m.account_id = w.account_id
        AND m.provider_message_id = w.id AND m.direction IN ('inbound', 'outbound') LIMIT 1) m`
  return new Map(rows.map((row) => [`${row.accountId} ${row.providerMessageId}`, row]))
}

const columns = columnsOf(Prisma.MessageScalarFieldEnum, 'm')

export async function lockMessages(tx: OrgTx, ids: readonly string[]): Promise<Message[]> {
  if (ids.length === 0) return []
  return tx.$queryRaw<Message[]>`
    SELECT ${columns} FROM messages m WHERE m.org_id = ${tx.orgId}::uuid AND m.id = ANY(${[...ids]}::uuid[])
    ORDER BY m.id FOR UPDATE`
}

/** Newest first. @param sight a condition on their conversations `c` */
export function listUnknown(
  tx: OrgTx,
  sight: Prisma.Sql,
  { before, limit }: { before: string | undefined; limit: number },
): Promise<Message[]> {
  return tx.$queryRaw<Message[]>`
    SELECT ${columns} FROM messages m JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
    WHERE m.org_id = ${tx.orgId}::uuid AND m.status = 'unknown' AND ${sight}
      ${before ? Prisma.sql`AND m.id < ${before}::uuid` : Prisma.empty}
    ORDER BY m.id DESC LIMIT ${limit}`
}

export async function lockMessage(tx: OrgTx, conversationId: string, id: string): Promise<Message> {
  const [message] = await lockMessages(tx, [id])
  if (message?.conversationId !== conversationId) throw notFound('message')
  return message
}

/** Writes what became of messages on their way out. */
export async function saveDeliveries(tx: OrgTx, rows: readonly Message[]): Promise<void> {
  if (rows.length === 0) return
  const json = JSON.stringify(rows.map(({ seq: _seq, ...row }) => row))
  await tx.$executeRaw`
    UPDATE messages m SET status = r.status, error_code = r."errorCode", error_message = r."errorMessage",
      error_provider_code = r."errorProviderCode", provider_message_id = r."providerMessageId", segments = r.segments,
      attempts = r.attempts, sending_at = r."sendingAt", sent_at = r."sentAt", delivered_at = r."deliveredAt",
      read_at = r."readAt", due_at = r."dueAt"
    FROM jsonb_to_recordset(${json}::jsonb) AS r(id uuid, status message_status, "errorCode" text, "errorMessage" text,
      "errorProviderCode" text, "providerMessageId" text, segments int, attempts int, "sendingAt" timestamptz,
      "sentAt" timestamptz, "deliveredAt" timestamptz, "readAt" timestamptz, "dueAt" timestamptz)
    WHERE m.org_id = ${tx.orgId}::uuid AND m.id = r.id`
}

/** Media of messages, in their order. Those withheld are for admins only. */
export async function findMedia(
  tx: OrgTx,
  messageIds: readonly string[],
  { withWithheld }: { withWithheld: boolean },
): Promise<Map<string, Media[]>> {
  if (messageIds.length === 0) return new Map()
  const rows = await tx.media.findMany({
    where: { messageId: { in: [...messageIds] }, ...(withWithheld ? {} : { withheld: false }) },
    orderBy: { position: 'asc' },
  })
  const byMessage = new Map<string, Media[]>()
  for (const row of rows)
    byMessage.set(row.messageId ?? '', [...(byMessage.get(row.messageId ?? '') ?? []), row])
  return byMessage
}
