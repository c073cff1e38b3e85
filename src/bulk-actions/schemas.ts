import { z } from 'zod'
import { id, time } from '../http/schemas.js'
import { assignment, namesOneTarget, oneTarget } from '../supervision/schemas.js'

const mostConversations = 1000

const text = z
  .string()
  .max(1000)
  .refine((written) => written.trim() !== '', 'A text is needed.')

const kinds = ['assign', 'force_close', 'message_customer', 'notify_agents'] as const

const action = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('assign'), ...assignment }).refine(namesOneTarget, oneTarget),
  z.strictObject({ type: z.literal('force_close') }),
  z.strictObject({ type: z.literal('message_customer'), text }),
  z.strictObject({ type: z.literal('notify_agents'), text }),
])
export type BulkWork = z.infer<typeof action>

export const bulkActionBody = z.strictObject({
  conversationIds: z
    .array(id)
    .min(1)
    .max(mostConversations)
    .refine((ids) => new Set(ids).size === ids.length, 'A conversation is named twice.'),
  action,
})

export const bulkActionSchema = z
  .object({
    id,
    action: z.object({
      type: z.enum(kinds),
      agentId: id.optional(),
      queueId: id.optional(),
      override: z.boolean().optional(),
      text: z.string().optional(),
    }),
    createdBy: z.object({
      agentId: id.nullable().meta({ description: 'Null: a key that names no agent' }),
      name: z.string(),
    }),
    counts: z.object({ total: z.int(), done: z.int(), failed: z.int(), waiting: z.int() }),
    createdAt: time,
    finishedAt: time.nullable().meta({ description: 'Null while some of its conversations wait' }),
  })
  .meta({ id: 'BulkAction' })

export const bulkActionItemSchema = z
  .object({
    conversationId: id,
    status: z.enum(['waiting', 'done', 'failed']),
    error: z
      .object({ code: z.string(), message: z.string() })
      .nullable()
      .meta({ description: 'Why it was refused, as the call for this one conversation would have been' }),
    at: time.nullable().meta({ description: 'When it was acted on, or refused' }),
  })
  .meta({ id: 'BulkActionItem' })
