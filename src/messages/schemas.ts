import { z } from 'zod'
import { conversationSchema } from '../conversations/schemas.js'
import { id, pageQuery, time } from '../http/schemas.js'

export const mediaSchema = z
  .object({
    id,
    contentType: z.string(),
    fileName: z.string().nullable(),
    bytes: z.int().nullable().meta({ description: 'Null until the file has been fetched from the provider' }),
    status: z.enum(['pending', 'stored', 'failed']),
    url: z.string().meta({ description: 'Where this service serves it, with your key or token' }),
  })
  .meta({ id: 'Media' })

export const messageSchema = z
  .object({
    id,
    conversationId: id,
    direction: z.enum(['inbound', 'outbound', 'internal']),
    kind: z.enum(['text', 'system', 'note', 'template']),
    author: z.object({
      type: z.enum(['customer', 'agent', 'system', 'bot']),
      id: id.nullable(),
      name: z.string().nullable(),
    }),
    text: z.string(),
    media: z.array(mediaSchema),
    location: z
      .object({
        latitude: z.number(),
        longitude: z.number(),
        address: z.string().nullable(),
        label: z.string().nullable(),
      })
      .nullable(),
    details: z.record(z.string(), z.string()).meta({ description: 'Further fields of the provider' }),
    replyToMessageId: id.nullable(),
    recovered: z.boolean(),
    status: z
      .enum([
        'received',
        'queued',
        'sending',
        'sent',
        'delivered',
        'read',
        'undelivered',
        'failed',
        'unknown',
      ])
      .nullable()
      .meta({ description: 'Null for what only agents see' }),
    error: z
      .object({ code: z.string(), message: z.string(), providerCode: z.string().nullable() })
      .nullable(),
    providerMessageId: z.string().nullable(),
    segments: z.int().nullable(),
    createdAt: time,
    sentAt: time.nullable(),
    deliveredAt: time.nullable(),
    readAt: time.nullable(),
  })
  .meta({ id: 'Message' })

export const messagesQuery = pageQuery.extend({
  status: z.enum(['unknown']).meta({ description: 'Those that wait for a person: resend or dismiss them' }),
})

export const uploadBody = z.object({ file: z.any().meta({ type: 'string', format: 'binary' }) })

export const uploadSchema = z
  .object({ id, contentType: z.string(), fileName: z.string().nullable(), bytes: z.int(), expiresAt: time })
  .meta({ id: 'Upload' })

export const sendBody = z
  .strictObject({
    text: z.string().max(100_000).optional(),
    media: z.array(z.strictObject({ id })).max(10).optional(),
  })
  .refine(({ text, media }) => (text ?? '').trim() !== '' || (media ?? []).length > 0, {
    error: 'a text or at least one media file is needed',
    path: ['text'],
  })

export const noteBody = z.strictObject({ text: z.string().trim().min(1).max(10_000) })

export const messageParams = z.object({ id, messageId: id })

export const customerSummarySchema = z
  .object({
    customerAddress: z.string(),
    profileName: z.string().nullable(),
    contact: z
      .object({
        id,
        name: z.string(),
        mobilePhone: z.string().nullable(),
        email: z.string().nullable(),
        attributes: z.record(z.string(), z.unknown()),
      })
      .nullable(),
    optedOut: z.boolean(),
    recentConversations: z.array(conversationSchema),
    lastMessages: z.array(messageSchema),
  })
  .meta({ id: 'CustomerSummary' })
