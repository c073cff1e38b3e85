import type { OrgTx } from '../db/database.js'
import type { Message } from '../db/generated/client.js'
import { lockMessages } from './repository.js'

/**
 * Messages whose time to be sent has come, locked, at most one per conversation and none that an earlier one of its
 * conversation has to go before: a customer gets an agent's messages in their order.
 */
export async function takeSendable(tx: OrgTx, now: Date, limit: number): Promise<Message[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT m.id FROM messages m
    WHERE m.due_at <= ${now} AND m.status = 'queued' AND NOT EXISTS (
      SELECT 1 FROM messages earlier
      WHERE earlier.org_id = m.org_id AND earlier.conversation_id = m.conversation_id
        AND earlier.status IN ('queued', 'sending') AND earlier.seq < m.seq)
    ORDER BY m.due_at, m.seq LIMIT ${limit} FOR UPDATE OF m SKIP LOCKED`
  if (rows.length === 0) return []
  return tx.message.findMany({ where: { id: { in: rows.map(({ id }) => id) } }, orderBy: { seq: 'asc' } })
}

/** Messages whose provider's answer was lost and is to be settled now, locked. */
export async function takeUnsettled(tx: OrgTx, now: Date, limit: number): Promise<Message[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM messages WHERE due_at <= ${now} AND status = 'sending' ORDER BY due_at LIMIT ${limit}
    FOR UPDATE SKIP LOCKED`
  return lockMessages(
    tx,
    rows.map(({ id }) => id),
  )
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
