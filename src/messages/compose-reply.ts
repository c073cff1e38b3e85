import { agentOf, assertMayTry } from '../conversations/access.js'
import { isInWork, phaseOf } from '../conversations/lifecycle.js'
import { assertAdded } from '../conversations/participant-repository.js'
import { refuseStep } from '../conversations/service.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation, Media } from '../db/generated/client.js'
import { emit } from '../events/outbox.js'
import type { OrgCaller } from '../lib/caller.js'
import { AppError, notFound } from '../lib/errors.js'
import { messageEvent } from './announce.js'
import { newMessage } from './new-message.js'
import { type MessageRow, presentMessage } from './present.js'
import { insertMessages } from './repository.js'
import { noteReplies, refuseToSend, type SendFacts, type SendSubject, type Timeouts } from './send-gate.js'
import { findUploads, takeUploads } from './uploads.js'

/** What an agent wants to say. */
export interface Reply {
  caller: OrgCaller
  conversationId: string
  text: string
  /** Ids of uploads */
  media: readonly string[]
}

export interface ComposedReply {
  caller: Pick<OrgCaller, 'beforeCommit'>
  conversation: Conversation & Timeouts
  message: MessageRow
  files: Media[]
}

/** Decides whether this reply may be sent, and makes its message. Throws an AppError where it may not; writes nothing. */
export async function composeReply(
  tx: OrgTx,
  { caller, text, media }: Reply,
  conversation: (Conversation & SendFacts & Timeouts) | undefined,
  now: Date,
): Promise<ComposedReply> {
  const agentId = agentOf(caller)
  if (!conversation) throw notFound('conversation')
  if (conversation.agentId !== agentId) {
    await assertMayTry(tx, caller, conversation)
    if (conversation.participantIds.includes(agentId)) await assertAdded(tx, conversation, agentId)
    else assertHeld(conversation, agentId)
  }
  if (!isInWork(phaseOf(conversation))) throw refuseStep(conversation, 'send')
  assertMaySend(conversation, now)
  const author = { authorId: agentId, authorName: caller.agentName }
  const message = answer(conversation, { ...author, text, hasMedia: media.length > 0 }, now)
  const files = await findUploads(tx, { conversation, messageId: message.id, ids: media, now })
  return { caller, conversation, message, files }
}

type Written = Pick<MessageRow, 'authorId' | 'authorName' | 'text' | 'hasMedia'>

const answer = (
  { orgId, id: conversationId, accountId, numberId }: Conversation,
  written: Written,
  now: Date,
): MessageRow =>
  newMessage({
    ...written,
    ...{ orgId, conversationId, accountId, numberId },
    direction: 'outbound',
    kind: 'text',
    authorType: 'agent',
    status: 'queued',
    createdAt: now,
    dueAt: now,
  })

/**
 * A text to the customer of a locked conversation that its author need not have. Throws where it may not leave. Joins a
 * unit of work.
 */
export async function writeToCustomer(
  tx: OrgTx,
  conversation: Conversation & SendFacts & Timeouts,
  written: Omit<Written, 'hasMedia'>,
  now: Date,
): Promise<void> {
  assertMaySend(conversation, now)
  const message = answer(conversation, { ...written, hasMedia: false }, now)
  await saveReplies(tx, [{ caller: {}, conversation, message, files: [] }], now)
}

/** Stores the messages with what belongs to them, and the answers to their Idempotency-Keys. */
export async function saveReplies(tx: OrgTx, replies: readonly ComposedReply[], now: Date): Promise<void> {
  if (replies.length === 0) return
  await Promise.all([
    insertMessages(
      tx,
      replies.map(({ message }) => message),
    ),
    takeUploads(
      tx,
      replies.flatMap(({ files }) => files),
    ),
    noteReplies(
      tx,
      [...new Map(replies.map(({ conversation }) => [conversation.id, conversation])).values()],
      now,
    ),
  ])
  emit(
    tx,
    replies.map(({ message, files, conversation }) =>
      messageEvent('message.queued', { message, media: files, conversation, now }),
    ),
  )
  for (const { caller, message, files } of replies) {
    await caller.beforeCommit?.(tx, presentMessage(message, files))
  }
}

function assertHeld(conversation: Conversation, agentId: string): void {
  if (conversation.status === 'active' && conversation.agentId !== agentId) {
    throw new AppError('already_assigned', 'Another agent has this conversation.')
  }
  throw refuseStep(conversation, 'send')
}

export function assertMaySend(conversation: SendSubject, now: Date): void {
  const refusal = refuseToSend(conversation, now)
  if (refusal) throw refusal
}
