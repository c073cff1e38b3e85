import { keyOf } from '../conversations/repository.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation, Media } from '../db/generated/client.js'
import { newId } from '../lib/ids.js'
import type { Arrival } from './attach.js'
import { newMessage } from './new-message.js'
import type { MessageRow } from './present.js'
import { findByProviderIds } from './repository.js'

export interface Composed {
  messages: MessageRow[]
  media: Media[]
}

type Answered = Map<string, { id: string; conversationId: string }>

interface InboundFrame {
  conversations: Map<string, Conversation>
  /** What `findAnswered` found */
  answered: Answered
  now: Date
}

/** The rows of customers' messages and their files, in the order in which they came. */
export function composeInbound(
  arrivals: Arrival[],
  { conversations, answered, now }: InboundFrame,
): Composed {
  const composed: Composed = { messages: [], media: [] }
  for (const arrival of arrivals) {
    const conversation = conversations.get(keyOf(arrival.key))
    if (!conversation) throw new Error('A message was left without a conversation')
    const message = inboundMessage(arrival, conversation, answered.get(answeredKey(arrival)))
    composed.messages.push(message)
    if (arrival.event.media.length === 0) continue
    const withheld = !arrival.settings.customerAttachments
    composed.media.push(...inboundMedia(arrival, message, { withheld, now }))
    if (withheld) composed.messages.push(withheldNote(message, arrival.event.media.length))
  }
  return composed
}

function inboundMessage(
  { callback, event }: Arrival,
  conversation: Conversation,
  answered: { id: string; conversationId: string } | undefined,
): MessageRow {
  return newMessage({
    orgId: conversation.orgId,
    conversationId: conversation.id,
    accountId: callback.accountId,
    direction: 'inbound',
    kind: 'text',
    authorType: 'customer',
    authorId: conversation.contactId,
    authorName: event.profileName,
    text: event.text,
    location: event.location,
    details: event.details,
    hasMedia: event.media.length > 0,
    replyToMessageId: answered?.id ?? null,
    recovered: callback.recovered,
    status: 'received',
    providerMessageId: event.providerMessageId,
    createdAt: callback.receivedAt,
  })
}

const inboundMedia = (
  { callback, event }: Arrival,
  message: MessageRow,
  { withheld, now }: { withheld: boolean; now: Date },
): Media[] =>
  event.media.map(({ url, contentType, fileName }, position) => ({
    orgId: message.orgId,
    id: newId(),
    messageId: message.id,
    accountId: callback.accountId,
    position,
    status: 'pending',
    withheld,
    contentType,
    fileName,
    bytes: null,
    providerUrl: url,
    failureReason: null,
    attempts: 0,
    createdAt: now,
    expiresAt: null,
    dueAt: now,
  }))

/** Tells the agent that there was a file (api.md 5): the customers' attachment switch of the number is off. */
function withheldNote(message: MessageRow, count: number): MessageRow {
  const files = count === 1 ? 'a file' : `${count} files`
  return newMessage({
    orgId: message.orgId,
    conversationId: message.conversationId,
    accountId: message.accountId,
    direction: 'internal',
    kind: 'system',
    authorType: 'system',
    text: `The customer sent ${files}. Files from customers are switched off for this number; an admin can see them.`,
    createdAt: message.createdAt,
  })
}

const answeredKey = ({ callback, event }: Arrival): string => `${callback.accountId} ${event.replyTo}`

/** The messages that these answer, as far as they are ours. */
export function findAnswered(tx: OrgTx, arrivals: Arrival[]): Promise<Answered> {
  const wanted = arrivals.flatMap(({ callback, event }) =>
    event.replyTo ? [{ accountId: callback.accountId, providerMessageId: event.replyTo }] : [],
  )
  return findByProviderIds(tx, wanted)
}
