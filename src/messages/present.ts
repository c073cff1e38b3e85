import type { z } from 'zod'
import type { Media, Message } from '../db/generated/client.js'
import type { mediaSchema, messageSchema } from './schemas.js'

const iso = (moment: Date | null): string | null => moment?.toISOString() ?? null

/** The message as callers see it. Media that only admins may see are left out by whoever reads them. */
export function presentMessage(row: MessageRow, media: readonly MediaRow[]): z.infer<typeof messageSchema> {
  return {
    id: row.id,
    conversationId: row.conversationId,
    direction: row.direction,
    kind: row.kind,
    author: { type: row.authorType, id: row.authorId, name: row.authorName },
    text: row.text,
    media: media.map(presentMedia),
    location: row.location as z.infer<typeof messageSchema>['location'],
    details: row.details as Record<string, string>,
    replyToMessageId: row.replyToMessageId,
    recovered: row.recovered,
    status: row.status,
    error:
      row.errorCode === null
        ? null
        : { code: row.errorCode, message: row.errorMessage ?? '', providerCode: row.errorProviderCode },
    providerMessageId: row.providerMessageId,
    segments: row.segments,
    createdAt: row.createdAt.toISOString(),
    sentAt: iso(row.sentAt),
    deliveredAt: iso(row.deliveredAt),
    readAt: iso(row.readAt),
  }
}

/** A message before the database has numbered it. */
export type MessageRow = Omit<Message, 'seq'>

export type MediaRow = Pick<Media, 'id' | 'contentType' | 'fileName' | 'bytes' | 'status'>

const presentMedia = ({
  id,
  contentType,
  fileName,
  bytes,
  status,
}: MediaRow): z.infer<typeof mediaSchema> => ({
  id,
  contentType,
  fileName,
  bytes,
  status,
  url: `/v1/media/${id}`,
})
