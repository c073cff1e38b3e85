/** Whether a message may leave (api.md 5): asked when the agent sends it, and again just before it goes out. */

import { listOptedOut } from '../contacts/opt-outs.js'
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

export type SendSubject = Pick<
  Conversation,
  'id' | 'channel' | 'customerAddress' | 'numberId' | 'lastInboundAt'
>

/** What decides for each of these conversations, by id. */
export async function findSendFacts(
  tx: OrgTx,
  conversations: readonly SendSubject[],
): Promise<Map<string, SendFacts>> {
  const organization = await tx.organization.findFirstOrThrow({
    select: { smsEnabled: true, whatsappEnabled: true },
  })
  const deleted = await tx.channelNumber.findMany({
    where: {
      id: { in: [...new Set(conversations.map(({ numberId }) => numberId))] },
      deletedAt: { not: null },
    },
    select: { id: true },
  })
  const deletedIds = new Set(deleted.map(({ id }) => id))
  const left = { sms: new Set<string>(), whatsapp: new Set<string>() }
  for (const channel of ['sms', 'whatsapp'] as const) {
    const addresses = conversations
      .filter((row) => row.channel === channel)
      .map(({ customerAddress }) => customerAddress)
    if (addresses.length > 0) left[channel] = await listOptedOut(tx, channel, addresses)
  }
  const enabled = { sms: organization.smsEnabled, whatsapp: organization.whatsappEnabled }
  return new Map(
    conversations.map(({ id, channel, customerAddress, numberId }) => [
      id,
      {
        optedOut: left[channel].has(customerAddress),
        channelEnabled: enabled[channel],
        numberDeleted: deletedIds.has(numberId),
      },
    ]),
  )
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
