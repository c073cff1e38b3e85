import { presentConversation } from '../conversations/present.js'
import { conversationEvent, hearers } from '../conversations/record.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation, Media } from '../db/generated/client.js'
import type { DomainEvent, PublicEventType } from '../events/event-types.js'
import { emit } from '../events/outbox.js'
import type { Composed } from './compose-inbound.js'
import { type MessageRow, presentMessage } from './present.js'

interface ToldInbound {
  opened: readonly Conversation[]
  /** All that were written to, the opened ones included */
  conversations: readonly Conversation[]
  contacts: Map<string, { id: string; name: string }>
  composed: Composed
  now: Date
}

/** The events of customers' messages: which conversations they opened, each message, and that there are files to fetch. */
export function announceInbound(
  tx: OrgTx,
  { opened, conversations, contacts, composed, now }: ToldInbound,
): void {
  const byId = new Map(conversations.map((row) => [row.id, row]))
  const contactOf = (row: Conversation) => contacts.get(row.contactId ?? '') ?? null
  const openings = opened.map((row) => conversationEvent('conversation.opened', row, contactOf(row), now))
  const arrivals = composed.messages
    .filter(({ direction }) => direction === 'inbound')
    .flatMap((message) => {
      const row = byId.get(message.conversationId)
      if (!row) return []
      const media = composed.media.filter(({ messageId, withheld }) => messageId === message.id && !withheld)
      const event = messageEvent('message.received', { message, media, conversation: row, now })
      const conversation = presentConversation(row, contactOf(row), now)
      return [{ ...event, data: { ...event.data, conversation } }]
    })
  emit(tx, [...openings, ...arrivals, ...(composed.media.length > 0 ? [filesWanted(now)] : [])])
}

const filesWanted = (at: Date): DomainEvent => ({
  type: 'media.wanted',
  at,
  queueId: null,
  agentIds: [],
  data: {},
})

export function messageEvent(
  type: PublicEventType,
  {
    message,
    media,
    conversation,
    now,
  }: { message: MessageRow; media: readonly Media[]; conversation: Audience; now: Date },
): DomainEvent {
  return {
    type,
    at: now,
    queueId: conversation.queueId,
    toMembers: conversation.status === 'open',
    agentIds: hearers(conversation),
    data: { message: presentMessage(message, media) },
  }
}

/** What decides who hears of a message. */
export type Audience = Pick<Conversation, 'queueId' | 'status' | 'agentId' | 'participantIds'>
