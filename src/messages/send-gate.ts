/** Whether a message may leave (api.md 5): asked when the agent sends it, and again just before it goes out. */

import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { AppError } from '../lib/errors.js'
import { isReplyWindowOpen } from '../providers/last-gate.js'
import { windowClosedSentence } from '../providers/provider-error.js'

export interface SendFacts {
  optedOut: boolean
  channelEnabled: boolean
  numberDeleted: boolean
}

export type SendSubject = Pick<Conversation, 'channel' | 'lastInboundAt'>

/** What decides for each of these conversations, by id. */
export async function findSendFacts(
  tx: OrgTx,
  conversationIds: readonly string[],
): Promise<Map<string, SendFacts>> {
  const rows = await tx.$queryRaw<(SendFacts & { id: string })[]>`
    SELECT c.id, l.customer_address IS NOT NULL AS "optedOut", n.deleted_at IS NOT NULL AS "numberDeleted",
      CASE c.channel WHEN 'sms' THEN o.sms_enabled ELSE o.whatsapp_enabled END AS "channelEnabled"
    FROM conversations c
    JOIN organizations o ON o.id = c.org_id
    JOIN channel_numbers n ON n.org_id = c.org_id AND n.id = c.number_id
    LEFT JOIN opt_outs l ON l.org_id = c.org_id AND l.channel = c.channel AND l.customer_address = c.customer_address
    WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ANY(${[...new Set(conversationIds)]}::uuid[])`
  return new Map(rows.map(({ id, ...facts }) => [id, facts]))
}

/** Why the message may not leave now; null where it may. */
export function refuseToSend(
  conversation: SendSubject,
  facts: SendFacts | undefined,
  now: Date,
): AppError | null {
  if (!facts?.channelEnabled) {
    return new AppError(
      'channel_disabled',
      'Your organization may not use this channel now. Nothing is sent.',
    )
  }
  if (facts.numberDeleted) {
    return new AppError(
      'channel_disabled',
      'The number of this conversation was deleted, so nothing more is sent from it.',
    )
  }
  if (facts.optedOut) {
    return new AppError(
      'contact_opted_out',
      'The customer has opted out. They can opt in again by texting START.',
    )
  }
  const isClosed = conversation.channel === 'whatsapp' && !isReplyWindowOpen(conversation.lastInboundAt, now)
  return isClosed ? new AppError('session_window_closed', windowClosedSentence) : null
}
