/** Whether a message may leave (api.md 5): asked when the agent sends it, and again just before it goes out. */

import { activeAt, dueAt } from '../conversations/due-times.js'
import { nextTimeout } from '../conversations/silence.js'
import type { OrgTx } from '../db/database.js'
import { type Conversation, Prisma } from '../db/generated/client.js'
import { columnsOf, updateRows } from '../db/rows.js'
import { AppError } from '../lib/errors.js'
import { isReplyWindowOpen } from '../providers/last-gate.js'
import { windowClosedSentence } from '../providers/provider-error.js'

export interface SendFacts {
  optedOut: boolean
  channelEnabled: boolean
  numberDeleted: boolean
}

/** What a locked conversation shows beside itself. */
export interface Timeouts {
  customerTimeouts: number[]
}

export type SendSubject = Pick<Conversation, 'channel' | 'lastInboundAt'> & SendFacts

const facts = Prisma.sql`
  EXISTS (
    SELECT 1 FROM opt_outs l
    WHERE l.org_id = c.org_id AND l.channel = c.channel AND l.customer_address = c.customer_address) AS "optedOut",
  EXISTS (
    SELECT 1 FROM channel_numbers n
    WHERE n.org_id = c.org_id AND n.id = c.number_id AND n.deleted_at IS NOT NULL) AS "numberDeleted",
  (SELECT CASE c.channel WHEN 'sms' THEN o.sms_enabled ELSE o.whatsapp_enabled END
    FROM organizations o WHERE o.id = c.org_id) AS "channelEnabled"`

const columns = columnsOf(Prisma.ConversationScalarFieldEnum, 'c')

/** Conversations with what decides whether their messages may leave, by id. */
export async function findSendable(
  tx: OrgTx,
  conversationIds: readonly string[],
): Promise<Map<string, Conversation & SendFacts>> {
  const rows = await tx.$queryRaw<(Conversation & SendFacts)[]>`
    SELECT ${columns}, ${facts} FROM conversations c
    WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ANY(${[...new Set(conversationIds)]}::uuid[])`
  return new Map(rows.map((row) => [row.id, row]))
}

/** The same, locked for this unit of work. */
export async function lockToSend(
  tx: OrgTx,
  conversationIds: readonly string[],
): Promise<Map<string, Conversation & SendFacts & Timeouts>> {
  const rows = await tx.$queryRaw<(Conversation & SendFacts & Timeouts)[]>`
    SELECT ${columns}, ${facts}, (
      SELECT w.customer_timeouts FROM workstreams w WHERE w.org_id = c.org_id AND w.id = c.workstream_id
    ) AS "customerTimeouts"
    FROM conversations c
    WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ANY(${[...new Set(conversationIds)]}::uuid[])
    ORDER BY c.id FOR UPDATE OF c`
  return new Map(rows.map((row) => [row.id, row]))
}

/** Notes that something is said in these conversations now. */
export async function noteLastMessage(
  tx: OrgTx,
  conversationIds: readonly string[],
  now: Date,
): Promise<void> {
  await tx.$executeRaw`
    UPDATE conversations SET last_message_at = ${now}, active_at = ${activeAt(now)}
    WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(conversationIds)]}::uuid[])`
}

/** Notes that agents have answered in these locked conversations: from now on it is the customers who are silent. */
export async function noteReplies(
  tx: OrgTx,
  conversations: readonly (Conversation & Timeouts)[],
  now: Date,
): Promise<void> {
  const rows = conversations.map((row) => {
    const after = { ...row, lastAgentMessageAt: now, lastMessageAt: now, activeAt: activeAt(now) }
    const timeoutAt = nextTimeout(after, { agentTimeouts: [], customerTimeouts: row.customerTimeouts })
    return { ...after, timeoutAt, dueAt: dueAt({ ...after, timeoutAt }) }
  })
  await updateRows(tx, 'conversations', rows, noted)
}

const noted = ['lastAgentMessageAt', 'lastMessageAt', 'activeAt', 'timeoutAt', 'dueAt'] as const

/** Why the message may not leave now; null where it may. */
export function refuseToSend(conversation: SendSubject, now: Date): AppError | null {
  if (!conversation.channelEnabled) {
    return new AppError(
      'channel_disabled',
      'Your organization may not use this channel now. Nothing is sent.',
    )
  }
  if (conversation.numberDeleted) {
    return new AppError(
      'channel_disabled',
      'The number of this conversation was deleted, so nothing more is sent from it.',
    )
  }
  if (conversation.optedOut) {
    return new AppError(
      'contact_opted_out',
      'The customer has opted out. They can opt in again by texting START.',
    )
  }
  const isClosed = conversation.channel === 'whatsapp' && !isReplyWindowOpen(conversation.lastInboundAt, now)
  return isClosed ? new AppError('session_window_closed', windowClosedSentence) : null
}
