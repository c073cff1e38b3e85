import type { OrgTx } from '../db/database.js'
import type { BulkAction, BulkActionItem, Prisma } from '../db/generated/client.js'
import { idPattern, olderThan, type PageRequest, readCursor } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'

/** Whose bulk actions somebody sees; null: those of all. */
type Author = string | null

const of = (author: Author) => (author === null ? {} : { agentId: author })

export async function insertBulkAction(
  tx: OrgTx,
  fields: Pick<BulkAction, 'role' | 'agentId' | 'authorName' | 'createdAt'> & {
    action: Prisma.InputJsonObject
  },
  conversationIds: readonly string[],
): Promise<BulkAction> {
  const row = await tx.bulkAction.create({
    data: { ...fields, orgId: tx.orgId, id: newId(), total: conversationIds.length },
  })
  const ids = conversationIds.map(() => newId())
  await tx.$executeRaw`
    INSERT INTO bulk_action_items (org_id, id, bulk_action_id, conversation_id)
    SELECT ${tx.orgId}::uuid, id, ${row.id}::uuid, conversation_id
    FROM unnest(${ids}::uuid[], ${[...conversationIds]}::uuid[]) AS named(id, conversation_id)`
  return row
}

export async function getBulkAction(tx: OrgTx, id: string, author: Author): Promise<BulkAction> {
  const row = await tx.bulkAction.findFirst({ where: { id, ...of(author) } })
  if (!row) throw notFound('bulk action')
  return row
}

export async function listBulkActions(tx: OrgTx, page: PageRequest, author: Author): Promise<BulkAction[]> {
  return tx.bulkAction.findMany({
    where: { ...olderThan(page), ...of(author) },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  })
}

/** In their order; one more than the page holds. */
export async function listItems(
  tx: OrgTx,
  bulkActionId: string,
  page: PageRequest,
): Promise<BulkActionItem[]> {
  const [after] = readCursor(page.cursor, [idPattern]) ?? []
  return tx.bulkActionItem.findMany({
    where: { bulkActionId, ...(after && { id: { gt: after } }) },
    orderBy: { id: 'asc' },
    take: page.limit + 1,
  })
}

export type Item = Pick<BulkActionItem, 'id' | 'bulkActionId' | 'conversationId'>

/** What waits the longest. */
export async function findNextItem(tx: OrgTx, except: readonly string[]): Promise<Item | null> {
  const [item] = await tx.$queryRaw<Item[]>`
    SELECT id, bulk_action_id AS "bulkActionId", conversation_id AS "conversationId" FROM bulk_action_items
    WHERE org_id = ${tx.orgId}::uuid AND status = 'waiting' AND id <> ALL (${[...except]}::uuid[])
    ORDER BY id LIMIT 1`
  return item ?? null
}

/** Whether it still waits: then nobody else acts on it until this unit of work is over. */
export async function lockWaiting(tx: OrgTx, id: string): Promise<boolean> {
  const rows = await tx.$queryRaw`
    SELECT 1 FROM bulk_action_items WHERE org_id = ${tx.orgId}::uuid AND id = ${id}::uuid AND status = 'waiting' FOR UPDATE`
  return (rows as unknown[]).length === 1
}

export interface Outcome {
  status: 'done' | 'failed'
  errorCode: string | null
  errorMessage: string | null
}

/** Writes what became of it, and counts it. Answers the bulk action as it is then; null where that was written before. */
export async function saveOutcome(
  tx: OrgTx,
  { id, bulkActionId }: Item,
  outcome: Outcome,
  at: Date,
): Promise<BulkAction | null> {
  const { count } = await tx.bulkActionItem.updateMany({
    where: { id, status: 'waiting' },
    data: { ...outcome, at },
  })
  if (count === 0) return null
  const isDone = Number(outcome.status === 'done')
  await tx.$executeRaw`
    UPDATE bulk_actions SET done = done + ${isDone}, failed = failed + ${1 - isDone},
      finished_at = CASE WHEN done + failed + 1 = total THEN ${at}::timestamptz END
    WHERE org_id = ${tx.orgId}::uuid AND id = ${bulkActionId}::uuid`
  return getBulkAction(tx, bulkActionId, null)
}
