/** Whether a message may leave (api.md 5): asked when the agent sends it, and again just before it goes out. */

import { activeAt } from '../conversations/change.js'
import type { OrgTx } from '../db/database.js'
import { type Conversation, Prisma } from '../db/generated/client.js'
import { columnsOf } from '../db/rows.js'
import { AppError } from '../lib/errors.js'
import { isReplyWindowOpen } from '../providers/last-gate.js'
import { windowClosedSentence } from '../providers/provider-error.js'

export interface SendFacts {
  optedOut: boolean
  channelEnabled: boolean
  numberDeleted: boolean
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
): Promise<Map<string, Conversation & SendFacts>> {
  const rows = await tx.$queryRaw<(Conversation & SendFacts)[]>`
    SELECT ${columns}, ${facts} FROM conversations c
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
