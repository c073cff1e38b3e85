import { randomUUID } from 'node:crypto'
import { canonicalAddress } from './addresses.js'
import { Faults } from './faults.js'
import { MediaStore } from './media.js'

export type ProviderName = 'twilio' | 'telesign'
export type Channel = 'sms' | 'whatsapp'

export interface BusinessNumber {
  number: string
  channel: Channel
  type: 'long_code' | 'short_code' | 'toll_free'
  /** Twilio has a callback per number; several registrations of one account may name different ones. */
  callbackUrl: string
  capabilities: { sms: boolean; mms: boolean }
}

export interface AccountOptions {
  status: 'active' | 'suspended' | 'closed'
  /**
   * A send to a customer who texted STOP. Twilio: refused at once (`sync`) or failed by report (`async`); Telesign:
   * `async` plays the list that Telesign manages, `off` (its default) the list that its customer keeps.
   */
  optOut: 'sync' | 'async' | 'off'
  /**
   * WhatsApp free text outside the 24 hours: refused at once or failed by report. `lenient` is `async`, but a customer
   * who has not texted since the simulator started counts as inside.
   */
  window: 'sync' | 'async' | 'lenient'
  /** Twilio Advanced Opt-Out: callbacks name the keyword's kind in OptOutType. */
  advancedOptOut: boolean
  messagingServiceSid: string | null
}

export interface Account {
  /** Account SID or Customer ID. */
  id: string
  provider: ProviderName
  /** Auth Token or API key. */
  secret: string
  /** The Authorization header of a Basic call, made once: compared on every request. */
  basicAuthorization: string
  callbackUrl: string
  numbers: BusinessNumber[]
  options: AccountOptions
}

export interface CallbackOutcome {
  /** HTTP status of the last attempt; null where there was no answer. */
  status: number | null
  body: string
  contentType: string | null
  attempts: number
  error: string | null
}

export interface SentCallback {
  kind: 'inbound' | 'status'
  /** The reported status, in the provider's words; `received` for an inbound message. */
  status: string
  url: string
  headers: Record<string, string>
  body: string
  outcome: CallbackOutcome | null
}

export interface SimulatedMessage {
  id: string
  provider: ProviderName
  accountId: string
  channel: Channel
  direction: 'inbound' | 'outbound'
  customer: string
  /** The business's number. */
  number: string
  text: string
  mediaIds: string[]
  /** Where a sent file is to be fetched from, and inbound files given as a foreign URL. */
  mediaUrls: string[]
  location: { latitude: number; longitude: number; address?: string; label?: string } | null
  /** In the provider's words: Twilio's MessageStatus, Telesign's status code. */
  status: string
  errorCode: string | null
  errorMessage: string | null
  /** Telesign's external_id. */
  externalId: string | null
  /** Written by the provider itself: answers to STOP and the like. Absent from the provider's own list. */
  automatic: boolean
  segments: number
  /** The query string included; null where the sender wanted no reports. */
  reportUrl: string | null
  createdAt: Date
  updatedAt: Date
  statuses: { status: string; at: Date }[]
  callbacks: SentCallback[]
}

export interface Settings {
  /** Added to every answer of the providers' APIs. */
  latencyMs: number
  /** Whether delivery reports are made at all. */
  reports: boolean
  /** Between one delivery report and the next. */
  reportDelayMs: number
  /** Telesign repeats a callback after these waits. https://developer.telesign.com/enterprise/docs/inbound-sms */
  telesignRetryWaitsMs: number[]
  /** Between Twilio's repeats, where the URL's fragment asks for them. Not documented by Twilio. */
  twilioRetryWaitMs: number
}

const messageLimit = 10_000
const pairLimit = 10_000
const defaultSettings: Settings = {
  latencyMs: 0,
  reports: true,
  reportDelayMs: 150,
  telesignRetryWaitsMs: [5000, 10_000, 15_000],
  twilioRetryWaitMs: 250,
}

/** Everything the simulator knows, in memory and bounded. */
export class SimulatorState {
  readonly accounts = new Map<string, Account>()
  readonly messages = new Map<string, SimulatedMessage>()
  readonly faults = new Faults()
  readonly media = new MediaStore()
  /** What the real provider would have minded: credentials sent to the CDN, a text/plain answer … */
  readonly problems: { at: Date; problem: string; detail: string }[] = []
  settings: Settings = { ...defaultSettings }
  private readonly optedOut = new Set<string>()
  private readonly lastInbound = new Map<string, number>()

  addMessage(message: SimulatedMessage): void {
    this.messages.set(message.id, message)
    if (this.messages.size <= messageLimit) return
    const [oldest] = this.messages.keys()
    if (oldest !== undefined) this.messages.delete(oldest)
  }

  setStatus(message: SimulatedMessage, status: string): void {
    message.status = status
    message.updatedAt = new Date()
    message.statuses.push({ status, at: message.updatedAt })
  }

  recordProblem(problem: string, detail: string): void {
    this.problems.push({ at: new Date(), problem, detail })
    if (this.problems.length > 100) this.problems.shift()
  }

  isOptedOut(pair: Pair): boolean {
    return this.optedOut.has(pairKey(pair))
  }

  setOptedOut(pair: Pair, optedOut: boolean): void {
    if (!optedOut) this.optedOut.delete(pairKey(pair))
    else this.optedOut.add(pairKey(pair))
    if (this.optedOut.size > pairLimit) this.optedOut.delete(this.optedOut.values().next().value ?? '')
  }

  /** When the customer last wrote to this number, in milliseconds; undefined if never since the start. */
  lastInboundAt(pair: Pair): number | undefined {
    return this.lastInbound.get(pairKey(pair))
  }

  setLastInboundAt(pair: Pair, at: number | null): void {
    this.lastInbound.delete(pairKey(pair))
    if (at !== null) this.lastInbound.set(pairKey(pair), at)
    if (this.lastInbound.size > pairLimit) this.lastInbound.delete(this.lastInbound.keys().next().value ?? '')
  }

  account(provider: ProviderName, id: string): Account | undefined {
    return this.accounts.get(`${provider}:${id}`)
  }
}

interface Pair {
  accountId: string
  number: string
  customer: string
}

function pairKey({ accountId, number, customer }: Pair): string {
  return `${accountId}|${number}|${customer}`
}

/** `SM`, `MM`, `ME` … and 32 hexadecimal digits. */
export function makeSid(prefix: string): string {
  return prefix + randomUUID().replaceAll('-', '')
}

export function findNumber(account: Account, number: string, channel?: Channel): BusinessNumber | undefined {
  const wanted = canonicalAddress(number)
  return account.numbers.find(
    (each) => each.number === wanted && (channel === undefined || each.channel === channel),
  )
}

/** What every new message has in common. */
export function makeMessage(
  fields: Pick<
    SimulatedMessage,
    'id' | 'channel' | 'direction' | 'customer' | 'number' | 'text' | 'status'
  > & {
    account: Account
  } & Partial<SimulatedMessage>,
): SimulatedMessage {
  const { account, ...rest } = fields
  const now = new Date()
  return {
    provider: account.provider,
    accountId: account.id,
    mediaIds: [],
    mediaUrls: [],
    location: null,
    errorCode: null,
    errorMessage: null,
    externalId: null,
    automatic: false,
    segments: 1,
    reportUrl: null,
    createdAt: now,
    updatedAt: now,
    statuses: [{ status: rest.status, at: now }],
    callbacks: [],
    ...rest,
  }
}
