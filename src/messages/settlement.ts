import type { AccountSecrets } from '../channels/account-secrets.js'
import type { Database } from '../db/database.js'
import { isUnavailable } from '../db/faults.js'
import type { Message } from '../db/generated/client.js'
import { RowByRow, type Take } from '../db/row-by-row.js'
import { type Clock, later, seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import type { ListedMessage } from '../providers/provider.js'
import type { Providers } from '../providers/registry.js'
import { announceDeliveries } from './announce-deliveries.js'
import { outboundMessage } from './dispatch.js'
import { findKnown, takeUnsettled } from './outbox-repository.js'
import { applyStatus } from './reports.js'
import { lockMessages, saveDeliveries } from './repository.js'
import { findSendable } from './send-gate.js'
import { failMessage, maxAttempts } from './send-outcomes.js'

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
  private readonly rows: RowByRow

  constructor(
    private readonly parts: {
      db: Database
      clock: Clock
      providers: Providers
      secrets: AccountSecrets
      log: Logger
    },
  ) {
    this.rows = new RowByRow({ ...parts, lane: 'settlement' })
  }

  get leftOut(): number {
    return this.rows.leftOut
  }

  /** @param isStopping asked before each provider call */
  async settleDue(orgId: string, isStopping: () => boolean): Promise<void> {
    while (!isStopping()) {
      const unsettled: Message[] = []
      const found = await this.rows.work(batchSize, async (take) => {
        const taken = await this.take(orgId, take)
        unsettled.push(...taken)
        return taken.length
      })
      for (const message of unsettled) if (!isStopping()) await this.settleAlone(orgId, message)
      if (found < batchSize) return
    }
  }

  /** Takes what is due, and puts its next look later, so that nobody else looks meanwhile. */
  private take(orgId: string, take: Take): Promise<Message[]> {
    return this.parts.db.inOrg(orgId, async (tx) => {
      const now = this.parts.clock.now()
      const messages = await takeUnsettled(tx, now, take)
      take.took(messages.map(({ id }) => id))
      await saveDeliveries(
        tx,
        messages.map((message) => ({ ...message, dueAt: nextLook(message, now) })),
      )
      return messages
    })
  }

  /** One that cannot be settled holds up neither the others nor what is to be sent. */
  private async settleAlone(orgId: string, message: Message): Promise<void> {
    try {
      await this.settle(orgId, message)
    } catch (error) {
      if (isUnavailable(error)) throw error
      this.rows.leaveOut(message.id, error)
    }
  }

  private async settle(orgId: string, message: Message): Promise<void> {
    const since = message.sendingAt ?? message.createdAt
    const age = this.parts.clock.now().getTime() - since.getTime()
    const { listed, listsMessages } = await this.ask(orgId, message, since)
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
      const look = { found, canList: listed !== null, listsMessages, age }
      if (!decide(row, look, now)) return
      await saveDeliveries(tx, [row])
      await announceDeliveries(tx, [row], now)
    })
  }

  /** What the provider lists of it: null where there is no list, or it cannot be read now. */
  private async ask(orgId: string, message: Message, since: Date): Promise<Answer> {
    const { db, secrets, providers, log } = this.parts
    const cannotAsk = (error: unknown) => {
      log.warn({ err: error, messageId: message.id }, 'the list of messages could not be read')
      return null
    }
    const [conversation, accounts] = await db.inOrg(orgId, async (tx) => [
      (await findSendable(tx, [message.conversationId])).get(message.conversationId),
      await secrets.open(tx, [message.accountId]).catch((error) => {
        if (isUnavailable(error)) throw error
        return cannotAsk(error)
      }),
    ])
    const account = accounts?.get(message.accountId)
    // An account that is no more cannot be asked, now or later
    if (!account || !conversation) return { listed: null, listsMessages: accounts === null }
    const provider = providers[account.provider]
    if (!provider.listsMessages) return { listed: null, listsMessages: false }
    const outbound = outboundMessage(message, conversation, account, [])
    const listed = await provider.findSent(outbound, account.credentials, since).catch(cannotAsk)
    return { listed, listsMessages: true }
  }
}

interface Answer {
  listed: ListedMessage[] | null
  /** Whether it may be worth asking again */
  listsMessages: boolean
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
