import type { AccountSecrets, SendingAccount } from '../channels/account-secrets.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation, Media, Message } from '../db/generated/client.js'
import type { OutboundMessage } from '../providers/provider.js'
import type { MediaLinks } from './media-links.js'
import { findMedia } from './repository.js'
import { findSendable, refuseToSend, type SendFacts } from './send-gate.js'
import type { SendError } from './send-outcomes.js'

/** A message on its way, with all that the provider needs. */
export interface Dispatch {
  message: Message
  account: SendingAccount
  outbound: OutboundMessage
}

/** What messages on their way need. */
interface Means {
  conversations: ReadonlyMap<string, Conversation & SendFacts>
  accounts: ReadonlyMap<string, SendingAccount>
  mediaUrls: ReadonlyMap<string, string[]>
}

export async function findMeans(
  tx: OrgTx,
  { secrets, links }: { secrets: AccountSecrets; links: MediaLinks },
  messages: readonly Message[],
): Promise<Means> {
  const withFiles = messages.filter(({ hasMedia }) => hasMedia).map(({ id }) => id)
  const [conversations, accounts, media] = await Promise.all([
    findSendable(
      tx,
      messages.map(({ conversationId }) => conversationId),
    ),
    secrets.open(
      tx,
      messages.map(({ accountId }) => accountId),
    ),
    findMedia(tx, withFiles, { withWithheld: false }),
  ])
  const urlsOf = (rows: readonly Media[]) => rows.map(({ id }) => links.sign(tx.orgId, id))
  const mediaUrls = new Map([...media].map(([messageId, rows]) => [messageId, urlsOf(rows)]))
  return { conversations, accounts, mediaUrls }
}

const accountDeleted: SendError = {
  code: 'account_misconfigured',
  message: 'The provider account of this message was deleted, so nothing more is sent through it.',
  providerCode: null,
}

/** Why a message may not leave now; null where it may. */
export function whyNot(message: Message, { conversations, accounts }: Means, now: Date): SendError | null {
  const conversation = conversations.get(message.conversationId)
  const refusal = conversation && refuseToSend(conversation, now)
  if (refusal) return { code: refusal.code, message: refusal.message, providerCode: null }
  const account = accounts.get(message.accountId)
  return !account || account.deletedAt ? accountDeleted : null
}

export function prepare(
  messages: readonly Message[],
  { conversations, accounts, mediaUrls }: Means,
): Dispatch[] {
  return messages.flatMap((message) => {
    const account = accounts.get(message.accountId)
    const conversation = conversations.get(message.conversationId)
    if (!account || !conversation) return []
    const urls = mediaUrls.get(message.id) ?? []
    return [{ message, account, outbound: outboundMessage(message, conversation, account, urls) }]
  })
}

export function outboundMessage(
  message: Message,
  conversation: Conversation,
  account: SendingAccount,
  mediaUrls: string[],
): OutboundMessage {
  return {
    id: message.id,
    channel: conversation.channel,
    from: conversation.businessNumber,
    to: conversation.customerAddress,
    text: message.text,
    mediaUrls,
    statusCallbackUrl: account.statusCallbackUrl,
    lastInboundAt: conversation.lastInboundAt,
  }
}
