import { randomUUID } from 'node:crypto'
import { canonicalAddress } from './addresses.js'
import type { Engine } from './engine.js'
import { CustomerError, findBusiness } from './find-business.js'
import { decodeDataUrl } from './media.js'
import { automaticReply, type Keyword, keywordOf, obey, obeysKeywords } from './opt-out.js'
import { countSegments } from './segments.js'
import {
  type Account,
  type BusinessNumber,
  type CallbackOutcome,
  type Channel,
  makeMessage,
  makeSid,
  type ProviderName,
  type SentCallback,
  type SimulatedMessage,
} from './state.js'
import { inboundBody, telesignCallback } from './telesign-callbacks.js'
import { inboundParams, twilioCallback } from './twilio-callbacks.js'

/** A file that a customer sends: by content, or a URL that is handed on as it is. */
export type CustomerMedia =
  | string
  | {
      contentType: string
      base64?: string | undefined
      text?: string | undefined
      fileName?: string | undefined
    }

export interface CustomerText {
  from: string
  to: string
  text?: string | undefined
  channel?: Channel | undefined
  /** Needed only where two accounts have the number. */
  accountId?: string | undefined
  media?: CustomerMedia[] | undefined
  location?:
    | { latitude: number; longitude: number; address?: string | undefined; label?: string | undefined }
    | undefined
  buttonPayload?: string | undefined
  replyToMessageSid?: string | undefined
  profileName?: string | undefined
  /** Provider fields added or overwritten as given; null leaves a field out. */
  raw?: Record<string, unknown> | undefined
}

/** How the callback is signed: with the account's secret, another one, or not at all. */
export type Signing = { secret: string } | 'account' | 'unsigned'

export interface TextResult {
  messageId: string
  provider: ProviderName
  accountId: string
  channel: Channel
  callback: CallbackOutcome
}

/** Sends a customer's message: the provider keeps it, obeys opt-out words, and calls the business. */
export async function sendText(
  engine: Engine,
  given: CustomerText,
  signing: Signing = 'account',
): Promise<TextResult> {
  const { account, number } = findBusiness(engine.state, given)
  const message = makeInbound(engine, account, number, given)
  const { accountId, customer } = message
  const pair = { accountId, number: message.number, customer }
  const keyword = keywordOf(message.text)
  const secret = secretFor(signing, account)
  if (signing === 'account') {
    engine.state.addMessage(message)
    engine.state.setLastInboundAt(pair, message.createdAt.getTime())
    if (keyword && obeysKeywords(account, number)) obey(engine, account, message, keyword)
  }
  const callback =
    account.provider === 'twilio'
      ? twilioInbound(engine, account, { number, message, given, keyword, secret })
      : telesignInbound(account, { number, message, given, keyword, secret })
  const fault =
    signing === 'account' &&
    engine.state.faults.take({ provider: account.provider, accountId, on: 'callback', to: customer })
  const outcome = fault
    ? engine.lose(message, callback)
    : await engine.call(message, callback, number.callbackUrl)
  if (signing === 'account') noteTextAnswer(engine, account, message, outcome)
  return {
    messageId: message.id,
    provider: account.provider,
    accountId,
    channel: message.channel,
    callback: outcome,
  }
}

function secretFor(signing: Signing, account: Account): string | null {
  if (signing === 'account') return account.secret
  return signing === 'unsigned' ? null : signing.secret
}

function makeInbound(
  engine: Engine,
  account: Account,
  number: BusinessNumber,
  given: CustomerText,
): SimulatedMessage {
  const media = given.media ?? []
  const { channel } = number
  refuseImpossible(account, channel, given)
  const files = media.flatMap((each) => storeFile(engine, each))
  const document = media.find(
    (each) => typeof each !== 'string' && !/^(image|audio|video)\//.test(each.contentType),
  )
  // WhatsApp puts a document's file name into Body.
  const fileName = channel === 'whatsapp' && typeof document === 'object' ? document.fileName : undefined
  const { location } = given
  const text = given.text ?? fileName ?? ''
  return makeMessage({
    account,
    id:
      account.provider === 'twilio'
        ? makeSid(media.length > 0 ? 'MM' : 'SM')
        : randomUUID().replaceAll('-', '').toUpperCase(),
    channel,
    direction: 'inbound',
    customer: canonicalAddress(given.from),
    number: number.number,
    text,
    mediaIds: files,
    mediaUrls: media.filter((each) => typeof each === 'string' && !each.startsWith('data:')) as string[],
    location: location
      ? {
          latitude: location.latitude,
          longitude: location.longitude,
          ...(location.address !== undefined && { address: location.address }),
          ...(location.label !== undefined && { label: location.label }),
        }
      : null,
    status: 'received',
    segments: channel === 'sms' ? countSegments(text) : 1,
  })
}

function refuseImpossible(account: Account, channel: Channel, given: CustomerText): void {
  const count = given.media?.length ?? 0
  if (account.provider === 'telesign' && count > 0) {
    throw new CustomerError('media: Telesign SMS carries text only')
  }
  if (channel === 'sms' && (given.location || given.buttonPayload)) {
    throw new CustomerError('location, buttonPayload: WhatsApp only')
  }
  if (channel === 'whatsapp' && count > 1) {
    throw new CustomerError('media: WhatsApp carries one file per message')
  }
  if (count > 10) throw new CustomerError('media: at most 10 files')
}

function storeFile(engine: Engine, media: CustomerMedia): string[] {
  if (typeof media === 'string') {
    const decoded = decodeDataUrl(media)
    if (!decoded) return []
    return [engine.state.media.add(makeSid('ME'), decoded.contentType, null, decoded.content).id]
  }
  const content =
    media.base64 === undefined ? Buffer.from(media.text ?? '') : Buffer.from(media.base64, 'base64')
  return [engine.state.media.add(makeSid('ME'), media.contentType, media.fileName ?? null, content).id]
}

interface Inbound {
  number: BusinessNumber
  message: SimulatedMessage
  given: CustomerText
  keyword: Keyword | null
  secret: string | null
}

function twilioInbound(engine: Engine, account: Account, inbound: Inbound): SentCallback {
  const { message, given, keyword } = inbound
  const root = `${engine.url}/twilio/2010-04-01/Accounts/${account.id}/Messages/${message.id}/Media`
  const stored = message.mediaIds.map((id) => ({
    url: `${root}/${id}`,
    contentType: engine.state.media.get(id)?.contentType ?? 'application/octet-stream',
  }))
  const foreign = message.mediaUrls.map((url) => ({ url, contentType: guessContentType(url) }))
  const raw = Object.entries(given.raw ?? {}).map(([name, value]) => [
    name,
    value === null ? null : String(value),
  ])
  const params = inboundParams(account, message, {
    profileName: given.profileName ?? 'Simulated customer',
    buttonPayload: given.buttonPayload ?? null,
    replyToMessageSid: given.replyToMessageSid ?? null,
    media: [...stored, ...foreign],
    optOutType: keyword && account.options.advancedOptOut ? keyword.toUpperCase() : null,
    raw: Object.fromEntries(raw),
  })
  return twilioCallback({ kind: 'inbound', url: inbound.number.callbackUrl, params, secret: inbound.secret })
}

function telesignInbound(account: Account, inbound: Inbound): SentCallback {
  const { number, message, given, keyword, secret } = inbound
  return telesignCallback({
    kind: 'inbound',
    status: 'received',
    url: number.callbackUrl,
    customerId: account.id,
    secret,
    body: inboundBody(account, message, {
      action: keyword,
      keyword: keyword ? message.text.trim() : null,
      raw: given.raw ?? {},
    }),
  })
}

function guessContentType(url: string): string {
  const extension = /\.(\w+)(?:[?#].*)?$/.exec(url)?.[1]?.toLowerCase() ?? ''
  const known: Record<string, string> = {
    png: 'image/png',
    gif: 'image/gif',
    pdf: 'application/pdf',
    ogg: 'audio/ogg',
  }
  return known[extension] ?? 'image/jpeg'
}

/** Twilio sends a text/plain answer to the customer as a reply. https://www.twilio.com/docs/messaging/twiml */
function noteTextAnswer(
  engine: Engine,
  account: Account,
  message: SimulatedMessage,
  outcome: CallbackOutcome,
): void {
  const isText = outcome.contentType?.startsWith('text/plain') ?? false
  if (account.provider !== 'twilio' || outcome.status !== 200 || !isText || outcome.body === '') return
  engine.state.recordProblem(
    'text_answer',
    'A text/plain answer to a callback reaches the customer as a reply',
  )
  automaticReply(engine, account, message, outcome.body)
}
