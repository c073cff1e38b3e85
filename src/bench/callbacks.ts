import { randomBytes } from 'node:crypto'
import { twilioCallback } from '../simulator/twilio-callbacks.js'
import { serialize } from './wire.js'

/** A Twilio SMS account as its callbacks see it. */
export interface CallbackTarget {
  accountSid: string
  authToken: string
  number: string
  /** As the service shows it; a fragment is not called */
  callbackUrl: string
}

/** `known`: so many customers take turns. `new`: nobody writes twice, from this customer on. */
export type Senders = { kind: 'known'; count: number } | { kind: 'new'; first: number }

/** A signed inbound message, ready to be written to a socket. */
export interface PreparedCallback {
  messageSid: string
  request: Buffer
}

/** Messages that no one has sent before, signed as Twilio signs them. */
export function prepareCallbacks(
  target: CallbackTarget,
  senders: Senders,
  count: number,
): PreparedCallback[] {
  return Array.from({ length: count }, (_, index) => prepareCallback(target, senderAt(senders, index)))
}

const subscriber = (index: number): string => String(2_000_000 + index)

/** The phone of the customer at this place. Known and new customers never share one. */
export function senderAt(senders: Senders, index: number): string {
  return senders.kind === 'known'
    ? `+1425${subscriber(index % senders.count)}`
    : `+1509${subscriber(senders.first + index)}`
}

export function prepareCallback(target: CallbackTarget, from: string): PreparedCallback {
  const messageSid = `SM${randomBytes(16).toString('hex')}`
  const { url, headers, body } = twilioCallback({
    kind: 'inbound',
    url: target.callbackUrl,
    params: smsFields(target, from, messageSid),
    secret: target.authToken,
  })
  const { host, pathname, search } = new URL(url)
  const path = pathname + search
  return { messageSid, request: serialize({ method: 'POST', path, host, headers, body }) }
}

/** https://www.twilio.com/docs/messaging/guides/webhook-request, in the order seen in captures. */
function smsFields({ accountSid, number }: CallbackTarget, from: string, messageSid: string) {
  return {
    ToCountry: 'US',
    ToState: 'WA',
    SmsMessageSid: messageSid,
    NumMedia: '0',
    ToCity: 'SEATTLE',
    FromZip: '98101',
    SmsSid: messageSid,
    FromState: 'WA',
    SmsStatus: 'received',
    FromCity: 'SEATTLE',
    Body: `Where is my order ${messageSid.slice(-8)}? It was to come today.`,
    FromCountry: 'US',
    To: number,
    ToZip: '98104',
    NumSegments: '1',
    MessageSid: messageSid,
    AccountSid: accountSid,
    From: from,
    ApiVersion: '2010-04-01',
  }
}
