import type { z } from 'zod'
import { agentOf, assertMayChange } from '../conversations/access.js'
import { findVisible } from '../conversations/reader.js'
import type { Database } from '../db/database.js'
import { isUnavailable } from '../db/faults.js'
import type { Conversation, Media, Message } from '../db/generated/client.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, notFound } from '../lib/errors.js'
import { PacedBatches } from '../lib/paced-batches.js'
import { maxTextLength } from '../providers/last-gate.js'
import { announceDeliveries } from './announce-deliveries.js'
import { assertMaySend, type ComposedReply, composeReply, type Reply, saveReplies } from './compose-reply.js'
import { presentMessage } from './present.js'
import { lockMessage, saveDeliveries } from './repository.js'
import type { sendBody } from './schemas.js'
import { lockToSend, noteLastMessage } from './send-gate.js'

type Shown = ReturnType<typeof presentMessage>

/** What became of a reply in its batch: the message, or what its sender is told. */
type Outcome = { shown: Shown } | { refusal: unknown }

/** What a person decides about a message, and in which states of it. */
interface Decision {
  action: 'message.resent' | 'message.dismissed'
  conversationId: string
  messageId: string
  from: NonNullable<Message['status']>[]
}

/** Agents' answers to customers. */
export class ReplyService {
  /** By organization: what is sent at the same moment shares one transaction */
  private readonly batches: PacedBatches<Reply, Outcome>

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {
    this.batches = new PacedBatches(
      (orgId, replies) => this.queueTogether(orgId, replies),
      () => 0,
    )
  }

  /**
   * Queues an answer of the agent who holds the accepted conversation. Refused: more than 1600 UTF-16 units, WhatsApp 24
   * hours or more after the customer's last message, a customer who has opted out.
   */
  async send(
    caller: OrgCaller,
    conversationId: string,
    { text = '', media = [] }: z.infer<typeof sendBody>,
  ): Promise<Shown> {
    agentOf(caller)
    if (text.length > maxTextLength) throw tooLong(text.length)
    const reply = { caller, conversationId, text, media: media.map(({ id }) => id) }
    const outcome = await this.batches.add(caller.orgId, reply)
    if ('refusal' in outcome) throw outcome.refusal
    return outcome.shown
  }

  /** Where the database refuses the batch, each reply by itself: one that cannot be stored fails nobody else's. */
  private async queueTogether(orgId: string, replies: readonly Reply[]): Promise<Outcome[]> {
    try {
      return await this.queue(orgId, replies)
    } catch (error) {
      if (replies.length === 1 || isUnavailable(error)) throw error
      const outcomes: Outcome[] = []
      for (const reply of replies) outcomes.push(await this.queueAlone(orgId, reply))
      return outcomes
    }
  }

  private async queueAlone(orgId: string, reply: Reply): Promise<Outcome> {
    try {
      const [outcome] = await this.queue(orgId, [reply])
      return outcome as Outcome
    } catch (error) {
      return { refusal: error }
    }
  }

  private queue(orgId: string, replies: readonly Reply[]): Promise<Outcome[]> {
    return this.db.inOrg(orgId, async (tx) => {
      const now = this.clock.now()
      const conversations = await lockToSend(
        tx,
        replies.map(({ conversationId }) => conversationId),
      )
      const composed: (ComposedReply | AppError)[] = []
      for (const reply of replies) {
        const conversation = conversations.get(reply.conversationId)
        composed.push(await composeReply(tx, reply, conversation, now).catch(refusalOf))
      }
      await saveReplies(
        tx,
        composed.flatMap((one) => (one instanceof AppError ? [] : one)),
        now,
      )
      return composed.map((one) =>
        one instanceof AppError ? { refusal: one } : { shown: presentMessage(one.message, one.files) },
      )
    })
  }

  /** A person decides that a message whose outcome is unknown, or that failed, is sent (again). */
  resend(caller: OrgCaller, conversationId: string, messageId: string): Promise<Shown> {
    return this.decide(
      caller,
      { action: 'message.resent', conversationId, messageId, from: ['unknown', 'failed', 'undelivered'] },
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
    return this.decide(
      caller,
      { action: 'message.dismissed', conversationId, messageId, from: ['unknown'] },
      (message) => {
        message.status = 'failed'
        message.errorCode = 'dismissed'
        message.errorMessage = 'Whether it was sent is not known. A person decided not to send it again.'
      },
    )
  }

  private decide(
    caller: OrgCaller,
    { action, conversationId, messageId, from }: Decision,
    change: (message: Message, now: Date) => void,
  ): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const now = this.clock.now()
      await assertMayChange(tx, caller, await findVisible(tx, caller, conversationId))
      const conversation = (await lockToSend(tx, [conversationId])).get(conversationId)
      if (!conversation) throw notFound('conversation')
      const message = await lockMessage(tx, conversationId, messageId)
      if (!message.status || !from.includes(message.status)) throw notUndecided(conversation, message)
      const before = { conversationId, status: message.status }
      change(message, now)
      if (message.status === 'queued') {
        assertMaySend(conversation, now)
        await noteLastMessage(tx, [conversationId], now)
      }
      await saveDeliveries(tx, [message])
      await announceDeliveries(tx, [message], now)
      const after = { conversationId, status: message.status }
      await recordAudit(tx, caller, { action, subjectId: messageId, at: now, before, after })
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

const refusalOf = (error: unknown): AppError => {
  if (error instanceof AppError) return error
  throw error
}
