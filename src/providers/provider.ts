import type { z } from 'zod'

export type ProviderName = 'twilio' | 'telesign'
export type Channel = 'sms' | 'whatsapp'

/** A callback as it came, before anybody has understood it. */
export interface CallbackRequest {
  /** The URL that the provider called: PUBLIC_URL plus the raw request target, query string included. */
  url: string
  /** Header names in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  /** The body exactly as received. */
  body: string
  /** What the adapter has read in the body, so that it reads it once. Nobody else looks at it. */
  read?: unknown
}

/** What can be said of a callback without understanding it whole. Never throws: what makes no sense is `unknown`. */
export interface CallbackIdentity {
  kind: 'message' | 'status' | 'unknown'
  /** Repeats of one callback share it: the provider's id, for a status also its status and error code; else a hash of the body. */
  key: string
  /** Callbacks of one lane are applied in the order they came: the customer's address, for a status the message id. */
  lane: string
  /** Whether the account's own id (Account SID, Customer ID) is named in it. Needed to enter the quarantine. */
  namesAccount: boolean
  /** Whether a signature header is there at all. */
  isSigned: boolean
}

export interface InboundMedia {
  url: string
  contentType: string
  fileName: string | null
}

export interface InboundMessage {
  type: 'message'
  providerMessageId: string
  channel: Channel
  /** E.164, a short code as digits, or whatever else the provider gave, without the `whatsapp:` prefix. */
  from: string
  /** Our number, in the same form. */
  to: string
  /** Other addresses of the same customer (the business-scoped WhatsApp id beside a phone number). */
  aliases: string[]
  /** NUL characters dropped, nothing else changed. May be empty. */
  text: string
  media: InboundMedia[]
  location: { latitude: number; longitude: number; address: string | null; label: string | null } | null
  /** The customer's display name at the provider (WhatsApp). */
  profileName: string | null
  /** The provider's id of the message that this one answers. */
  replyTo: string | null
  /** `stop`, `start` or `help` if the provider says so itself, or the whole text is such a word. */
  consent: 'stop' | 'start' | 'help' | null
  /** Fields beyond those above, kept for rules and for people: button payload, forwarded, referral, geography … */
  details: Record<string, string>
}

export type DeliveryStatus = 'queued' | 'sending' | 'sent' | 'delivered' | 'read' | 'undelivered' | 'failed'

export interface InboundStatus {
  type: 'status'
  providerMessageId: string
  /** Our own message id, where the provider hands it back (Twilio: query string of the status URL; Telesign: external_id). */
  messageId: string | null
  status: DeliveryStatus
  /** For `failed` and `undelivered`. */
  error: { providerCode: string | null; message: string; optedOut: boolean; windowClosed: boolean } | null
}

/** Signed, but nothing that we can use. Kept, and shown to the admin with the reason. */
export interface InboundIgnored {
  type: 'ignored'
  reason: 'unsupported_content' | 'unknown_status' | 'unintelligible'
  detail: string
}

export type InboundEvent = InboundMessage | InboundStatus | InboundIgnored

export interface CallbackReply {
  status: number
  contentType: string | null
  body: string
}

export interface OutboundMessage {
  /** Our id: goes out in the status callback's query string (Twilio) or as external_id (Telesign). */
  id: string
  channel: Channel
  /** Our number as stored: E.164 or a short code. */
  from: string
  to: string
  text: string
  /** Signed, expiring URLs that the provider fetches. */
  mediaUrls: string[]
  /** Absolute URL for delivery reports, without our message id; the adapter adds what it needs. */
  statusCallbackUrl: string
  /** When the customer last wrote, for the 24-hour rule. */
  lastInboundAt: Date | null
}

export interface SendReceipt {
  providerMessageId: string
  status: DeliveryStatus
  segments: number | null
}

export interface CredentialCheck {
  ok: boolean
  /** `valid`, `wrong_credentials`, `not_usable` (right, but suspended, product not enabled, address refused …). */
  code: 'valid' | 'wrong_credentials' | 'not_usable'
  detail: string
  providerCode: string | null
}

export interface NumberCheck {
  /** `not_checked` is ok where the provider has no way to ask, and not where it refused to say. */
  ok: boolean
  code: 'valid' | 'not_found' | 'not_capable' | 'not_checked'
  detail: string
}

export interface FetchedMedia {
  contentType: string
  fileName: string | null
  content: Buffer
}

/** A message that the provider lists as sent, for settling an unknown outcome. */
export interface ListedMessage {
  providerMessageId: string
  status: DeliveryStatus
}

/** Which customers' messages to list. */
export interface ReceivedQuery {
  channel: Channel
  /** Our numbers, as stored */
  numbers: readonly string[]
  /** From this moment of the provider's clock on … */
  since: Date
  /** … and before this one */
  until: Date
  /** How many rows of the list to read at most; null: all of them */
  most: number | null
}

/** A customer's message in the provider's list, as the callback that should have brought it. */
export interface ReceivedMessage extends Pick<CallbackRequest, 'headers' | 'body'> {
  /** Our number, as stored */
  to: string
  /** By the provider's clock */
  at: Date
}

/**
 * One messaging provider. An adapter translates: it has no database, no queue, no logger, no clock and no retry
 * loop. Every call that can fail throws a `ProviderError`.
 */
export interface Provider<Credentials extends { [key: string]: string } = { [key: string]: string }> {
  readonly name: ProviderName
  readonly channels: readonly Channel[]
  /** Checks the form of the credentials in an account's request and in the stored secret. */
  readonly credentials: z.ZodType<Credentials>
  /** Which field of the credentials is the secret (signs callbacks), and which one names the account. */
  readonly secretField: string
  readonly accountField: string
  /** Whether the provider has a list of its messages, in which a lost answer or a lost callback can be found again. */
  readonly listsMessages: boolean
  readonly takesMedia: boolean

  /** Constant-time; false for a missing or malformed header; never throws. */
  verify(request: CallbackRequest, secret: string): boolean
  identify(request: CallbackRequest, account: string): CallbackIdentity
  /** Never throws for odd content: that is an `ignored` event. */
  parse(request: CallbackRequest): InboundEvent
  acknowledge(kind: 'inbound' | 'status'): CallbackReply
  /**
   * The last gate before the customer: refuses a text over 1600 UTF-16 units and, on WhatsApp, free text 24 hours
   * or more after `lastInboundAt`, measured at `now`.
   */
  send(message: OutboundMessage, credentials: Credentials, now: Date): Promise<SendReceipt>
  /**
   * Messages with this sender, recipient and text that the provider took at or after `since`, which is read with five
   * seconds of tolerance for clocks: leave out those whose ids are known. Empty where there is no list.
   */
  findSent(message: OutboundMessage, credentials: Credentials, since: Date): Promise<ListedMessage[]>
  /**
   * Customers' messages to these numbers, oldest first; null where the list has more rows than were to be read. Empty
   * where there is no list.
   */
  listReceived(query: ReceivedQuery, credentials: Credentials): Promise<ReceivedMessage[] | null>
  checkCredentials(credentials: Credentials): Promise<CredentialCheck>
  checkNumber(
    number: { address: string; channel: Channel; type: string | null },
    credentials: Credentials,
  ): Promise<NumberCheck>
  /** Fetches one media file with the account's credentials; never hands them to another host. At most `maxBytes`. */
  fetchMedia(url: string, credentials: Credentials, maxBytes: number): Promise<FetchedMedia>
}
