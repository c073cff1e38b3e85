import type { OrgTx } from '../db/database.js'
import type { Message } from '../db/generated/client.js'
import type { PublicEventType } from '../events/event-types.js'
import { emit } from '../events/outbox.js'
import { messageEvent } from './announce.js'
import { findMedia } from './repository.js'

const eventTypes: Partial<Record<NonNullable<Message['status']>, PublicEventType>> = {
  queued: 'message.queued',
  sent: 'message.sent',
  delivered: 'message.delivered',
  read: 'message.read',
  undelivered: 'message.undelivered',
  failed: 'message.failed',
  unknown: 'message.unknown',
}

/** One event for what each of these messages on their way out has become. */
export async function announceDeliveries(tx: OrgTx, messages: readonly Message[], now: Date): Promise<void> {
  if (messages.length === 0) return
  const rows = await tx.conversation.findMany({
    where: { id: { in: [...new Set(messages.map(({ conversationId }) => conversationId))] } },
    select: { id: true, queueId: true, status: true, agentId: true, participantIds: true },
  })
  const conversations = new Map(rows.map((row) => [row.id, row]))
  const withFiles = messages.filter(({ hasMedia }) => hasMedia).map(({ id }) => id)
  const media = await findMedia(tx, withFiles, { withWithheld: false })
  emit(
    tx,
    messages.flatMap((message) => {
      const type = eventTypes[message.status ?? 'received']
      const conversation = conversations.get(message.conversationId)
      if (!type || !conversation) return []
      return [messageEvent(type, { message, media: media.get(message.id) ?? [], conversation, now })]
    }),
  )
}
