import type { Prisma } from '../db/generated/client.js'
import { newId } from '../lib/ids.js'
import type { MessageRow } from './present.js'

type Given = Pick<
  MessageRow,
  'orgId' | 'conversationId' | 'accountId' | 'direction' | 'kind' | 'authorType' | 'text' | 'createdAt'
> &
  Partial<MessageRow>

/** A message with everything that is not given left empty. */
export function newMessage(given: Given): MessageRow {
  return {
    id: newId(),
    numberId: null,
    authorId: null,
    authorName: null,
    location: null,
    details: {} as Prisma.JsonValue,
    hasMedia: false,
    replyToMessageId: null,
    recovered: false,
    status: null,
    errorCode: null,
    errorMessage: null,
    errorProviderCode: null,
    providerMessageId: null,
    segments: null,
    attempts: 0,
    sendingAt: null,
    sentAt: null,
    deliveredAt: null,
    readAt: null,
    dueAt: null,
    ...given,
  }
}
