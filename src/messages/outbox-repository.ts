import type { OrgTx } from '../db/database.js'
import { type Message, Prisma } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import { columnsOf } from '../db/rows.js'

const columns = columnsOf(Prisma.MessageScalarFieldEnum, 'm')

type Range = Pick<Take, 'limit' | 'except'>

/**
 * Messages whose time to be sent has come, locked, at most one per conversation and none that an earlier one of its
 * conversation has to go before: a customer gets an agent's messages in their order.
 */
export function takeSendable(tx: OrgTx, now: Date, { limit, except }: Range): Promise<Message[]> {
  return tx.$queryRaw<Message[]>`
    SELECT ${columns} FROM messages m
    WHERE m.org_id = ${tx.orgId}::uuid AND m.due_at <= ${now} AND m.status = 'queued' AND m.id <> ALL (${except}::uuid[])
      AND m.seq = (
      SELECT min(first.seq) FROM messages first
      WHERE first.org_id = m.org_id AND first.conversation_id = m.conversation_id
        AND first.status IN ('queued', 'sending'))
    ORDER BY m.due_at, m.seq LIMIT ${limit} FOR UPDATE OF m SKIP LOCKED`
}

/** Messages whose provider's answer was lost and is to be settled now, locked. */
export function takeUnsettled(tx: OrgTx, now: Date, { limit, except }: Range): Promise<Message[]> {
  return tx.$queryRaw<Message[]>`
    SELECT ${columns} FROM messages m WHERE m.org_id = ${tx.orgId}::uuid AND m.due_at <= ${now} AND m.status = 'sending'
      AND m.id <> ALL (${except}::uuid[])
    ORDER BY m.due_at LIMIT ${limit} FOR UPDATE SKIP LOCKED`
}

/** Which of these provider ids belong to messages that we know already. */
export async function findKnown(
  tx: OrgTx,
  accountId: string,
  providerMessageIds: readonly string[],
): Promise<Set<string>> {
  const rows = await tx.message.findMany({
    where: { accountId, direction: 'outbound', providerMessageId: { in: [...providerMessageIds] } },
    select: { providerMessageId: true },
  })
  return new Set(rows.flatMap(({ providerMessageId }) => providerMessageId ?? []))
}
