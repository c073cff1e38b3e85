import type { AccountSecrets, SendingAccount } from '../channels/account-secrets.js'
import type { Database } from '../db/database.js'
import type { Message } from '../db/generated/client.js'
import { type Clock, later, seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import type { ListedMessage, OutboundMessage } from '../providers/provider.js'
import type { Providers } from '../providers/registry.js'
import { announceDeliveries } from './announce-deliveries.js'
import { findKnown, takeUnsettled } from './outbox-repository.js'
import { applyStatus } from './reports.js'
import { lockMessages, saveDeliveries } from './repository.js'
import { findSendable } from './send-gate.js'
import { failMessage, maxAttempts } from './send-outcomes.js'
import { outboundMessage } from './send-service.js'

interface Unsettled {
  message: Message
  account: SendingAccount
  outbound: OutboundMessage
}

const batchSize = 20
const lookAgainAfter = seconds(20)
/** A provider's list shows a message at most this long after the call began */
const listedWithin = seconds(60)
/** After it a provider that cannot be asked leaves the decision to a person */
const giveUpAfter = seconds(600)

/**
 * Finds out what became of messages whose provider's answer was lost (architecture.md 1). A delivery report settles it by
 * itself; else the provider's list does: found means sent, not found after 60 seconds means it may be sent again. Where
 * there is no list, or it cannot be read, the message becomes `unknown` and a person decides.
 */
export class Settlement {
  constructor(
    private readonly parts: {
      db: Database
      clock: Clock
      providers: Providers
      secrets: AccountSecrets
      log: Logger
    },
  ) {}

  async settleDue(orgId: string): Promise<void> {
    for (;;) {
      const unsettled = await this.take(orgId)
      for (const one of unsettled) await this.settle(orgId, one)
      if (unsettled.length < batchSize) return
    }
  }

  /** Takes what is due, and puts its next look later, so that nobody else looks meanwhile. */
  private take(orgId: string): Promise<Unsettled[]> {
    return this.parts.db.inOrg(orgId, async (tx) => {
      const now = this.parts.clock.now()
      const messages = await takeUnsettled(tx, now, batchSize)
      if (messages.length === 0) return []
      await saveDeliveries(
        tx,
        messages.map((message) => ({ ...message, dueAt: nextLook(message, now) })),
      )
      const conversations = await findSendable(
        tx,
        messages.map(({ conversationId }) => conversationId),
      )
      const accounts = await this.parts.secrets.open(
        tx,
        messages.map(({ accountId }) => accountId),
      )
      return messages.flatMap((message) => {
        const account = accounts.get(message.accountId)
        const conversation = conversations.get(message.conversationId)
        if (!account || !conversation) return []
        return [{ message, account, outbound: outboundMessage(message, conversation, account, []) }]
      })
    })
  }

  private async settle(orgId: string, { message, account, outbound }: Unsettled): Promise<void> {
    const provider = this.parts.providers[account.provider]
    const since = message.sendingAt ?? message.createdAt
    const age = this.parts.clock.now().getTime() - since.getTime()
    const listed = provider.listsMessages
      ? await provider.findSent(outbound, account.credentials, since).catch((error) => {
          this.parts.log.warn({ err: error, messageId: message.id }, 'the list of messages could not be read')
          return null
        })
      : null
    await this.parts.db.inOrg(orgId, async (tx) => {
      const now = this.parts.clock.now()
      const [row] = await lockMessages(tx, [message.id])
      if (row?.status !== 'sending') return
      const known = await findKnown(
        tx,
        row.accountId,
        (listed ?? []).map(({ providerMessageId }) => providerMessageId),
      )
      const found = listed?.find(({ providerMessageId }) => !known.has(providerMessageId)) ?? null
      const look = { found, canList: listed !== null, listsMessages: provider.listsMessages, age }
      if (!decide(row, look, now)) return
      await saveDeliveries(tx, [row])
      await announceDeliveries(tx, [row], now)
    })
  }
}

const neverTaken = {
  code: 'provider_unreachable',
  message: `The provider did not take the message in ${maxAttempts} attempts. It was not sent; resend it later.`,
  providerCode: null,
}

/** The next look, at the latest when the list must show the message. */
function nextLook({ sendingAt }: Message, now: Date): Date {
  const decisive = later(sendingAt ?? now, listedWithin)
  return decisive > now && decisive < later(now, lookAgainAfter) ? decisive : later(now, lookAgainAfter)
}

interface Look {
  found: ListedMessage | null
  canList: boolean
  listsMessages: boolean
  /** How long after the sending began we looked, in milliseconds */
  age: number
}

/** Changes the message in place. False: not to be decided yet. */
function decide(message: Message, { found, canList, listsMessages, age }: Look, now: Date): boolean {
  if (found) return applyStatus(message, found, now)
  if (age < listedWithin) return false
  if (canList && message.attempts >= maxAttempts) {
    Object.assign(message, failMessage(message, neverTaken))
    return true
  }
  if (canList) {
    message.status = 'queued'
    message.dueAt = now
    return true
  }
  if (listsMessages && age < giveUpAfter) return false
  message.status = 'unknown'
  message.dueAt = null
  message.errorCode = 'outcome_unknown'
  message.errorMessage =
    'The provider’s answer was lost, so nobody knows whether the customer got this. Ask them, then resend or dismiss it.'
  return true
}
