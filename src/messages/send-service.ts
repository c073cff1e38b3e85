import type { AccountSecrets, SendingAccount } from '../channels/account-secrets.js'
import type { Database, OrgTx } from '../db/database.js'
import { isUnavailable } from '../db/faults.js'
import type { Conversation, Message } from '../db/generated/client.js'
import { RowByRow, type Take } from '../db/row-by-row.js'
import { Batcher } from '../lib/batcher.js'
import { type Clock, later, seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import type { OutboundMessage } from '../providers/provider.js'
import type { Providers } from '../providers/registry.js'
import { announceDeliveries } from './announce-deliveries.js'
import type { MediaLinks } from './media-links.js'
import { takeSendable } from './outbox-repository.js'
import { findMedia, saveDeliveries } from './repository.js'
import { findSendable, refuseToSend, type SendFacts } from './send-gate.js'
import {
  countFault,
  failMessage,
  recordOutcomes,
  type SendError,
  type SendOutcome,
  toOutcome,
} from './send-outcomes.js'
import type { Settlement } from './settlement.js'

/** A message on its way, with all that the provider needs. */
export interface Dispatch {
  message: Message
  account: SendingAccount
  outbound: OutboundMessage
}

export interface SendParts {
  db: Database
  clock: Clock
  providers: Providers
  secrets: AccountSecrets
  links: MediaLinks
  log: Logger
}

// Calls in flight at once for one organization in one process
const maxInFlight = 48
// Well beyond the time that a call may take: a message that is "sending" for longer has lost its answer
const answerLost = seconds(45)
const maxReceipts = 100
const settlePause = seconds(0.5)
// What several answers free is taken together
const afterCallPause = 5

/** Whether an outcome is committed, and why not. */
type Recorded = { fault?: unknown }

/** What one organization has under way in this process. */
interface Lane {
  calls: Set<Promise<void>>
  receipts: Batcher<SendOutcome, Recorded>
  /** Whether somebody looks for what is due just now, and whether they must look once more */
  looking: 'no' | 'once' | 'again'
  /** Whether a look is planned, after a call has ended */
  isLookDue: boolean
}

/**
 * Sends what is due: commits "sending", calls the provider outside any transaction, commits what became of it. A process
 * that dies in between leaves a message that is "sending": `Settlement` finds out, and never sends twice on a guess.
 * A call that takes long holds up nothing but its own conversation.
 */
export class SendService {
  private readonly lanes = new Map<string, Lane>()
  /** When lost answers were last looked for, by organization, and where that goes on just now */
  private readonly settled = new Map<string, number>()
  private readonly settling = new Set<string>()
  private readonly looks = new Set<Promise<void>>()
  private isStopping = false
  private readonly rows: RowByRow

  constructor(
    private readonly parts: SendParts,
    private readonly settlement: Settlement,
  ) {
    this.rows = new RowByRow({ ...parts, lane: 'sending' })
  }

  get leftOut(): number {
    return this.rows.leftOut
  }

  /** Starts the calls that are due; they go on after it has answered. */
  async drain(orgId: string): Promise<void> {
    this.settleSometimes(orgId)
    await this.look(orgId)
  }

  /** Starts no more calls, and answers when what became of the last one is committed. */
  async finish(): Promise<void> {
    this.isStopping = true
    // A look that had begun may still start calls
    for (let left = this.underWay(); left.length > 0; left = this.underWay()) await Promise.allSettled(left)
  }

  private underWay(): Promise<void>[] {
    return [...this.looks, ...[...this.lanes.values()].flatMap(({ calls }) => [...calls])]
  }

  /**
   * A lost answer has waited for seconds already: it is not looked for at every wake, and nobody waits for the provider's
   * list, which may not answer at all.
   */
  private settleSometimes(orgId: string): void {
    const now = performance.now()
    if (this.isStopping || this.settling.has(orgId)) return
    if (now - (this.settled.get(orgId) ?? Number.NEGATIVE_INFINITY) < settlePause) return
    this.settled.set(orgId, now)
    this.settling.add(orgId)
    const settling: Promise<void> = this.settle(orgId).finally(() => {
      this.settling.delete(orgId)
      this.looks.delete(settling)
    })
    this.looks.add(settling)
  }

  private async settle(orgId: string): Promise<void> {
    try {
      await this.settlement.settleDue(orgId, () => this.isStopping)
      await this.look(orgId)
    } catch (error) {
      this.parts.log.warn({ err: error, orgId }, 'lost answers were not settled, it repeats')
    }
  }

  private look(orgId: string): Promise<void> {
    const look: Promise<void> = this.startDue(orgId).finally(() => this.looks.delete(look))
    this.looks.add(look)
    return look
  }

  private async startDue(orgId: string): Promise<void> {
    const lane = this.laneOf(orgId)
    if (lane.looking !== 'no') {
      lane.looking = 'again'
      return
    }
    try {
      do {
        lane.looking = 'once'
        if (!this.isStopping) await this.startSome(orgId, lane)
      } while (this.isWantedAgain(lane))
    } finally {
      lane.looking = 'no'
      if (lane.calls.size === 0 && !lane.isLookDue) this.lanes.delete(orgId)
    }
  }

  private isWantedAgain({ looking, calls }: Lane): boolean {
    return looking === 'again' && calls.size < maxInFlight && !this.isStopping
  }

  private laneOf(orgId: string): Lane {
    const existing = this.lanes.get(orgId)
    if (existing) return existing
    const receipts = new Batcher<SendOutcome, Recorded>((outcomes) => this.record(orgId, outcomes), {
      items: maxReceipts,
      enough: 4,
    })
    const lane: Lane = { calls: new Set(), receipts, looking: 'no', isLookDue: false }
    this.lanes.set(orgId, lane)
    return lane
  }

  /** What has been recorded makes room, and lets the next message of its conversation go. */
  private start(orgId: string, lane: Lane, dispatch: Dispatch): void {
    const call: Promise<void> = this.call(dispatch)
      .then((outcome) => lane.receipts.add(outcome))
      .catch((fault: unknown): Recorded => ({ fault }))
      .then(({ fault }) => {
        const messageId = dispatch.message.id
        // Left as "sending": its answer counts as lost, and is settled
        if (fault) this.parts.log.error({ err: fault, messageId }, 'a provider’s answer was not recorded')
        this.afterCall(orgId, lane, call)
      })
    lane.calls.add(call)
  }

  private afterCall(orgId: string, lane: Lane, call: Promise<void>): void {
    lane.calls.delete(call)
    if (lane.isLookDue) return
    lane.isLookDue = true
    setTimeout(() => this.lookAgain(orgId, lane), afterCallPause)
  }

  private lookAgain(orgId: string, lane: Lane): void {
    lane.isLookDue = false
    this.look(orgId).catch((error) =>
      this.parts.log.warn({ err: error, orgId }, 'what is due is found by the sweep'),
    )
  }

  /** As many calls as there is room for. One message that cannot be prepared holds up no other. */
  private async startSome(orgId: string, lane: Lane): Promise<void> {
    const room = maxInFlight - lane.calls.size
    if (room <= 0) return
    await this.rows.work(
      room,
      async (take) => {
        const { due, dispatches } = await this.claim(orgId, take)
        for (const dispatch of dispatches) this.start(orgId, lane, dispatch)
        return due
      },
      (id) => this.countFault(orgId, id),
    )
  }

  private async countFault(orgId: string, messageId: string): Promise<void> {
    const { db, clock, log } = this.parts
    try {
      const isOver = await db.inOrg(orgId, (tx) => countFault(tx, messageId, clock.now()))
      if (isOver) this.rows.forget(messageId)
    } catch (error) {
      log.error({ err: error, messageId }, 'a failed attempt was not counted')
    }
  }

  /** Marks what is due as "sending". What may not leave any more fails here, before any call. */
  private claim(orgId: string, take: Take): Promise<{ due: number; dispatches: Dispatch[] }> {
    return this.parts.db.inOrg(orgId, async (tx) => {
      const now = this.parts.clock.now()
      const due = await takeSendable(tx, now, take)
      if (due.length === 0) return { due: 0, dispatches: [] }
      take.took(due.map(({ id }) => id))
      const means = {
        conversations: await findSendable(
          tx,
          due.map(({ conversationId }) => conversationId),
        ),
        accounts: await this.parts.secrets.open(
          tx,
          due.map(({ accountId }) => accountId),
        ),
      }
      const refused: Message[] = []
      const accepted: Message[] = []
      for (const message of due) {
        const refusal = whyNot(message, means, now)
        if (refusal) refused.push(failMessage(message, refusal))
        else accepted.push(markSending(message, now))
      }
      await saveDeliveries(tx, [...refused, ...accepted])
      await announceDeliveries(tx, refused, now)
      return { due: due.length, dispatches: await this.prepare(tx, accepted, means) }
    })
  }

  private async prepare(
    tx: OrgTx,
    messages: Message[],
    { conversations, accounts }: Means,
  ): Promise<Dispatch[]> {
    const withFiles = messages.filter(({ hasMedia }) => hasMedia).map(({ id }) => id)
    const media = await findMedia(tx, withFiles, { withWithheld: false })
    return messages.flatMap((message) => {
      const account = accounts.get(message.accountId)
      const conversation = conversations.get(message.conversationId)
      if (!account || !conversation) return []
      const mediaUrls = (media.get(message.id) ?? []).map(({ id }) => this.parts.links.sign(tx.orgId, id))
      return [{ message, account, outbound: outboundMessage(message, conversation, account, mediaUrls) }]
    })
  }

  private async call({ message, account, outbound }: Dispatch): Promise<SendOutcome> {
    const now = this.parts.clock.now()
    try {
      const receipt = await this.parts.providers[account.provider].send(outbound, account.credentials, now)
      return { kind: 'taken', messageId: message.id, receipt }
    } catch (error) {
      return toOutcome(message, error, this.parts.log)
    }
  }

  /** Where the database refuses several, each by itself: one that cannot be recorded loses nobody else's answer. */
  private async record(orgId: string, outcomes: SendOutcome[]): Promise<Recorded[]> {
    const commit = (some: SendOutcome[]) =>
      this.parts.db.inOrg(orgId, (tx) => recordOutcomes(tx, some, this.parts.clock.now()))
    try {
      await commit(outcomes)
      return outcomes.map(() => ({}))
    } catch (error) {
      if (outcomes.length === 1 || isUnavailable(error)) throw error
    }
    const recorded: Recorded[] = []
    for (const outcome of outcomes)
      recorded.push(
        await commit([outcome]).then(
          () => ({}),
          (fault: unknown) => ({ fault }),
        ),
      )
    return recorded
  }
}

/** What messages on their way need. */
interface Means {
  conversations: Map<string, Conversation & SendFacts>
  accounts: Map<string, SendingAccount>
}

const accountDeleted: SendError = {
  code: 'account_misconfigured',
  message: 'The provider account of this message was deleted, so nothing more is sent through it.',
  providerCode: null,
}

/** Why a message may not leave now; null where it may. */
function whyNot(message: Message, { conversations, accounts }: Means, now: Date): SendError | null {
  const conversation = conversations.get(message.conversationId)
  const refusal = conversation && refuseToSend(conversation, now)
  if (refusal) return { code: refusal.code, message: refusal.message, providerCode: null }
  const account = accounts.get(message.accountId)
  return !account || account.deletedAt ? accountDeleted : null
}

function markSending(message: Message, now: Date): Message {
  return {
    ...message,
    status: 'sending',
    sendingAt: now,
    attempts: message.attempts + 1,
    dueAt: later(now, answerLost),
  }
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
