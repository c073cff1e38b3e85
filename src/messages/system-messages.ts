import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { emit } from '../events/outbox.js'
import { messageEvent } from './announce.js'
import { newMessage } from './new-message.js'
import type { MessageRow } from './present.js'
import { insertMessages } from './repository.js'
import { findSendable, noteLastMessage, refuseToSend } from './send-gate.js'

/** What the service itself says in a conversation. */
interface Said {
  conversation: Conversation
  text: string
}

/** Notes of the system, which only agents see. */
export async function tellAgent(tx: OrgTx, said: readonly Said[], now: Date): Promise<void> {
  await store(
    tx,
    said.map(({ conversation, text }) => ({
      conversation,
      message: newMessage({ ...origin(conversation, now), direction: 'internal', kind: 'system', text }),
    })),
    now,
  )
}

/**
 * Messages to customers, sent as from the agent. Where one may not leave (an opted-out customer, a closed WhatsApp
 * window) it is left unsaid. It is no answer: whose silence is being counted stays as it is.
 */
export async function tellCustomer(tx: OrgTx, said: readonly Said[], now: Date): Promise<void> {
  if (said.length === 0) return
  const sendable = await findSendable(
    tx,
    said.map(({ conversation }) => conversation.id),
  )
  const allowed = said.filter(({ conversation: { id } }) => {
    const subject = sendable.get(id)
    return subject && !refuseToSend(subject, now)
  })
  const rows = allowed.map(({ conversation, text }) => ({
    conversation,
    message: newMessage({
      ...origin(conversation, now),
      numberId: conversation.numberId,
      direction: 'outbound',
      kind: 'system',
      text,
      status: 'queued',
      dueAt: now,
    }),
  }))
  await store(tx, rows, now)
  if (rows.length > 0) {
    await noteLastMessage(
      tx,
      rows.map(({ conversation }) => conversation.id),
      now,
    )
  }
}

const origin = ({ orgId, id, accountId }: Conversation, createdAt: Date) => ({
  orgId,
  conversationId: id,
  accountId,
  authorType: 'system' as const,
  createdAt,
})

async function store(
  tx: OrgTx,
  rows: readonly { conversation: Conversation; message: MessageRow }[],
  now: Date,
): Promise<void> {
  if (rows.length === 0) return
  await insertMessages(
    tx,
    rows.map(({ message }) => message),
  )
  emit(
    tx,
    rows.map(({ conversation, message }) =>
      messageEvent(message.direction === 'outbound' ? 'message.queued' : 'message.received', {
        message,
        media: [],
        conversation,
        now,
      }),
    ),
  )
}
