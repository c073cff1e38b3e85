import type { OrgTx } from '../db/database.js'
import { type Message, Prisma } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import { columnsOf } from '../db/rows.js'
import { seconds } from '../lib/clock.js'
import type { NumberPace } from './number-pace.js'

/** Well beyond the time that a call may take: a message that is "sending" for longer has lost its answer */
export const answerLost = seconds(45)

const columns = columnsOf(Prisma.MessageScalarFieldEnum, 'm')

/** A number that has something to send. Its queued messages are its line. */
export interface Line extends NumberPace {
  numberId: string
  accountId: string
  /** Calls under way of its account, in every process */
  calls: number
}

type Range = Pick<Take, 'limit' | 'except'>

export interface LineSearch {
  now: Date
  /** The lines after this number's come first, those up to it last */
  after: string
  /** Of an account with so many calls under way no line is found */
  fullAt: number
  limit: number
}

export const noNumber = '00000000-0000-0000-0000-000000000000'

/**
 * Numbers that have a line, one index look-up each, however long it is: those after the given one, then from the
 * beginning up to it. A search with a limit walks no further than it must.
 */
const walk = (orgId: string, after: string) => Prisma.sql`
  walk AS (
    SELECT ${after}::uuid AS number_id, 1 AS round
    UNION ALL
    SELECT coalesce(next.number_id, ${noNumber}::uuid), CASE WHEN next.number_id IS NULL THEN 2 ELSE walk.round END
    FROM walk LEFT JOIN LATERAL (
      SELECT m.number_id FROM messages m
      WHERE m.org_id = ${orgId}::uuid AND m.number_id > walk.number_id AND m.status IN ('queued')
      ORDER BY m.number_id LIMIT 1) next ON true
    WHERE (walk.round = 1 AND (next.number_id IS NOT NULL OR ${after}::uuid <> ${noNumber}::uuid))
      OR (walk.round = 2 AND next.number_id <= ${after}::uuid)
  )`

const hasDue = (orgId: string, now: Date) => Prisma.sql`
  EXISTS (SELECT 1 FROM messages m WHERE m.org_id = ${orgId}::uuid AND m.number_id = n.id AND m.due_at <= ${now}
    AND m.status IN ('queued'))`

/** Lines of which something may be sent now. */
export function findLines(tx: OrgTx, { now, after, fullAt, limit }: LineSearch): Promise<Line[]> {
  // A call is under way until its message is due again, which is when its answer counts as lost, or its end was committed
  return tx.$queryRaw<Line[]>`
    WITH RECURSIVE calls AS MATERIALIZED (
      SELECT m.account_id, count(*)::int AS count FROM messages m
      WHERE m.org_id = ${tx.orgId}::uuid AND m.status IN ('sending')
        AND m.due_at = m.sending_at + make_interval(secs => ${answerLost / 1000}::int)
      GROUP BY m.account_id
    ), ${walk(tx.orgId, after)}
    SELECT line.* FROM walk CROSS JOIN LATERAL (
      SELECT n.id AS "numberId", n.account_id AS "accountId", n.messages_per_second AS "messagesPerSecond",
        n.next_send_at AS "nextSendAt", coalesce(calls.count, 0) AS calls
      FROM channel_numbers n LEFT JOIN calls ON calls.account_id = n.account_id
      WHERE n.org_id = ${tx.orgId}::uuid AND n.id = walk.number_id AND coalesce(calls.count, 0) < ${fullAt}
        AND (n.next_send_at IS NULL OR n.next_send_at <= ${now}) AND ${hasDue(tx.orgId, now)}
      LIMIT 1) line
    WHERE walk.round = 2 OR walk.number_id <> ${after}::uuid
    LIMIT ${limit}`
}

/** When the first of the numbers that have something to send, but not yet a slot, has one. */
export async function findNextSlot(tx: OrgTx, now: Date): Promise<Date | null> {
  const [row] = await tx.$queryRaw<{ at: Date | null }[]>`
    WITH RECURSIVE ${walk(tx.orgId, noNumber)}
    SELECT min(line.at) AS at FROM walk CROSS JOIN LATERAL (
      SELECT n.next_send_at AS at FROM channel_numbers n
      WHERE n.org_id = ${tx.orgId}::uuid AND n.id = walk.number_id AND n.next_send_at > ${now} AND ${hasDue(tx.orgId, now)}
      LIMIT 1) line`
  return row?.at ?? null
}

/**
 * The first so many messages of each of these lines, locked, at most one per conversation and none that an earlier one
 * of its conversation has to go before: a customer gets an agent's messages in their order.
 */
export function takeSendable(
  tx: OrgTx,
  now: Date,
  { lines, limit, except }: Range & { lines: readonly { numberId: string; slots: number }[] },
): Promise<Message[]> {
  if (lines.length === 0) return Promise.resolve([])
  const numberIds = lines.map(({ numberId }) => numberId)
  const slots = lines.map(({ slots }) => slots)
  return tx.$queryRaw<Message[]>`
    SELECT ${columns} FROM unnest(${numberIds}::uuid[], ${slots}::int[]) AS line(number_id, slots) CROSS JOIN LATERAL (
      SELECT * FROM messages m
      WHERE m.org_id = ${tx.orgId}::uuid AND m.number_id = line.number_id AND m.due_at <= ${now}
        AND m.status IN ('queued') AND m.id <> ALL (${except}::uuid[]) AND m.seq = (
          SELECT min(first.seq) FROM messages first
          WHERE first.org_id = m.org_id AND first.conversation_id = m.conversation_id
            AND first.status IN ('queued', 'sending'))
      ORDER BY m.due_at, m.seq LIMIT line.slots FOR UPDATE SKIP LOCKED) m
    LIMIT ${limit}`
}

/** Messages whose provider's answer was lost and is to be settled now, locked. */
export function takeUnsettled(tx: OrgTx, now: Date, { limit, except }: Range): Promise<Message[]> {
  return tx.$queryRaw<Message[]>`
    SELECT ${columns} FROM messages m WHERE m.org_id = ${tx.orgId}::uuid AND m.due_at <= ${now} AND m.status IN ('sending')
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
