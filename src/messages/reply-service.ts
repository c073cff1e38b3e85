import type { z } from 'zod'
import { agentOf, assertMayTry } from '../conversations/access.js'
import { phaseOf } from '../conversations/lifecycle.js'
import { findVisible } from '../conversations/reader.js'
import { refuseStep } from '../conversations/service.js'
import type { Database } from '../db/database.js'
import type { Conversation, Media, Message } from '../db/generated/client.js'
import { emit } from '../events/outbox.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError } from '../lib/errors.js'
import { maxTextLength } from '../providers/last-gate.js'
import { messageEvent } from './announce.js'
import { announceDeliveries } from './announce-deliveries.js'
import { newMessage } from './new-message.js'
import { presentMessage } from './present.js'
import { insertMessages, lockMessage, saveDeliveries } from './repository.js'
import type { sendBody } from './schemas.js'
import { lockToSend, refuseToSend, type SendSubject } from './send-gate.js'
import { takeUploads } from './uploads.js'

type Shown = ReturnType<typeof presentMessage>

/** Agents' answers to customers. */
export class ReplyService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Queues an answer of the agent who holds the accepted conversation. Refused: more than 1600 UTF-16 units, WhatsApp 24
   * hours or more after the customer's last message, a customer who has opted out.
   */
  send(
    caller: OrgCaller,
    conversationId: string,
    { text = '', media = [] }: z.infer<typeof sendBody>,
  ): Promise<Shown> {
    const agentId = agentOf(caller)
    if (text.length > maxTextLength) throw tooLong(text.length)
    return this.db.inOrg(caller, async (tx) => {
      const now = this.clock.now()
      const conversation = await lockToSend(tx, conversationId, now)
      if (conversation.agentId !== agentId) await assertMayTry(tx, caller, conversation)
      assertHeld(conversation, agentId)
      assertMaySend(conversation, now)
      const message = composeReply(caller, conversation, { text, hasMedia: media.length > 0, now })
      await insertMessages(tx, [message])
      const files = await takeUploads(tx, {
        conversation,
        messageId: message.id,
        ids: media.map(({ id }) => id),
        now,
      })
      await emit(tx, [messageEvent('message.queued', { message, media: files, conversation, now })])
      return presentMessage(message, files)
    })
  }

  /** A person decides that a message whose outcome is unknown, or that failed, is sent (again). */
  resend(caller: OrgCaller, conversationId: string, messageId: string): Promise<Shown> {
    return this.decide(
      caller,
      { conversationId, messageId, from: ['unknown', 'failed', 'undelivered'] },
      (message, now) => {
        message.status = 'queued'
        message.dueAt = now
        message.attempts = 0
        message.errorCode = message.errorMessage = message.errorProviderCode = null
        message.providerMessageId = null
        message.sendingAt = message.sentAt = null
      },
    )
  }

  /** A person decides that a message whose outcome is unknown is left alone. */
  dismiss(caller: OrgCaller, conversationId: string, messageId: string): Promise<Shown> {
    return this.decide(caller, { conversationId, messageId, from: ['unknown'] }, (message) => {
      message.status = 'failed'
      message.errorCode = 'dismissed'
      message.errorMessage = 'Whether it was sent is not known. A person decided not to send it again.'
    })
  }

  private decide(
    caller: OrgCaller,
    {
      conversationId,
      messageId,
      from,
    }: { conversationId: string; messageId: string; from: NonNullable<Message['status']>[] },
    change: (message: Message, now: Date) => void,
  ): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const now = this.clock.now()
      await findVisible(tx, caller, conversationId)
      const conversation = await lockToSend(tx, conversationId, now)
      const message = await lockMessage(tx, conversationId, messageId)
      if (!message.status || !from.includes(message.status)) throw notUndecided(conversation, message)
      change(message, now)
      if (message.status === 'queued') assertMaySend(conversation, now)
      await saveDeliveries(tx, [message])
      await announceDeliveries(tx, [message], now)
      const media = await tx.media.findMany({ where: { messageId }, orderBy: { position: 'asc' } })
      return presentMessage(message, media satisfies Media[])
    })
  }
}

const tooLong = (length: number) =>
  new AppError(
    'message_too_long',
    `The text has ${length} characters; at most ${maxTextLength} can be sent.`,
    {
      length,
      limit: maxTextLength,
    },
  )

const notUndecided = (conversation: Conversation, message: Message) =>
  new AppError(
    'invalid_transition',
    `This message is ${message.status ?? 'no message to a customer'}: nothing is to be decided.`,
    {
      conversationStatus: conversation.status,
      allowed: [],
    },
  )

function assertHeld(conversation: Conversation, agentId: string): void {
  if (conversation.status === 'active' && conversation.agentId !== agentId) {
    throw new AppError('already_assigned', 'Another agent has this conversation.')
  }
  if (phaseOf(conversation) !== 'active') throw refuseStep(conversation, 'send')
}

function assertMaySend(conversation: SendSubject, now: Date): void {
  const refusal = refuseToSend(conversation, now)
  if (refusal) throw refusal
}

function composeReply(
  { agentId, agentName }: OrgCaller,
  conversation: Conversation,
  { text, hasMedia, now }: { text: string; hasMedia: boolean; now: Date },
) {
  return newMessage({
    orgId: conversation.orgId,
    conversationId: conversation.id,
    accountId: conversation.accountId,
    direction: 'outbound',
    kind: 'text',
    authorType: 'agent',
    authorId: agentId,
    authorName: agentName,
    text,
    hasMedia,
    status: 'queued',
    createdAt: now,
    dueAt: now,
  })
}
