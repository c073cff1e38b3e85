import type { z } from 'zod'
import type { BulkAction, BulkActionItem } from '../db/generated/client.js'
import type { BulkWork, bulkActionItemSchema, bulkActionSchema } from './schemas.js'

export function presentBulkAction(row: BulkAction): z.infer<typeof bulkActionSchema> {
  const { id, total, done, failed, agentId, authorName: name } = row
  return {
    id,
    action: row.action as BulkWork,
    createdBy: { agentId, name },
    counts: { total, done, failed, waiting: total - done - failed },
    createdAt: row.createdAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
  }
}

type ShownItem = z.infer<typeof bulkActionItemSchema>

export const presentItem = ({
  conversationId,
  status,
  errorCode: code,
  errorMessage: message,
  at,
}: BulkActionItem): ShownItem => ({
  conversationId,
  status: status as ShownItem['status'],
  error: code === null || message === null ? null : { code, message },
  at: at?.toISOString() ?? null,
})
