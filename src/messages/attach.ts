import { numberKey } from '../channels/number-repository.js'
import { clearOptOuts, setOptOuts } from '../contacts/opt-outs.js'
import { type ConversationChange, changeConversation, type WorkTerms } from '../conversations/change.js'
import { recordChanges } from '../conversations/record.js'
import { type ConversationKey, findTerms, keyOf, lockLiveConversations } from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { insertRows } from '../db/rows.js'
import type { InboundMessage } from '../providers/provider.js'
import { findNumbersAtWork, type NumberSettings } from '../workstreams/number-settings.js'
import { announceInbound } from './announce.js'
import { composeInbound } from './compose-inbound.js'
import { openConversations } from './open-conversations.js'
import type { Leftover, Understood } from './receive-service.js'
import { findByProviderIds, insertMedia, insertMessages } from './repository.js'

/** A customer's message with the number that it came to. */
export interface Arrival extends Understood<InboundMessage> {
  number: NumberSettings['number']
  settings: NumberSettings
  key: ConversationKey
}

/**
 * Attaches customers' messages to conversations, in the order in which they came: to the live one of that customer and
 * number, or to a new one. Set-based: the number of statements does not depend on the number of messages.
 */
export async function attachMessages(
  tx: OrgTx,
  messages: Understood<InboundMessage>[],
  now: Date,
): Promise<Leftover[]> {
  if (messages.length === 0) return []
  const { arrivals, leftovers } = await findArrivals(tx, messages)
  const fresh = await withoutStored(tx, arrivals)
  if (fresh.length === 0) return leftovers
  await keepConsent(tx, fresh, now)

  const live = await lockLiveConversations(
    tx,
    fresh.map(({ key }) => key),
  )
  followNumbers(fresh, live)
  const starting = fresh.filter(({ key }) => !live.has(keyOf(key)))
  const opened = await openConversations(tx, starting, now)
  const conversations = new Map([...live, ...opened])
  const composed = await composeInbound(tx, fresh, { conversations, now })

  const terms = await termsFor(tx, conversations, fresh)
  const changes = changesOf(fresh, conversations, { terms, now })
  await insertRows(
    tx,
    'conversations',
    changes.filter(({ after }) => opened.has(keyOf(after))).map(({ after }) => after),
  )
  await insertMessages(tx, composed.messages)
  await insertMedia(tx, composed.media)
  await recordChanges(
    tx,
    changes.filter(({ after }) => live.has(keyOf(after))),
    now,
  )
  const told = changes.map(({ after }) => after)
  await announceInbound(tx, { opened: new Set(opened.keys()), conversations: told, composed, now })
  return leftovers
}

/** A number that was deleted and added again, in this account or another, takes its live conversations with it. */
function followNumbers(arrivals: Arrival[], live: Map<string, Conversation>): void {
  for (const { key, number, callback } of arrivals) {
    const row = live.get(keyOf(key))
    if (!row || row.numberId === number.id) continue
    row.numberId = number.id
    row.accountId = callback.accountId
    row.provider = callback.provider
  }
}

/** The terms of the numbers' workstreams are known; only a number that was moved has conversations of another. */
async function termsFor(
  tx: OrgTx,
  conversations: Map<string, Conversation>,
  arrivals: readonly Arrival[],
): Promise<Map<string, WorkTerms>> {
  const known = arrivals.map(({ settings: { workstream } }) => [workstream.id, workstream] as const)
  const ids = new Set([...conversations.values()].map(({ workstreamId }) => workstreamId))
  for (const [id] of known) ids.delete(id)
  return new Map([...known, ...(ids.size > 0 ? await findTerms(tx, [...ids]) : [])])
}

function changesOf(
  arrivals: Arrival[],
  conversations: Map<string, Conversation>,
  { terms, now }: { terms: Map<string, WorkTerms>; now: Date },
): ConversationChange[] {
  const written = new Map<string, { messages: number; lastAt: Date }>()
  for (const { key, callback } of arrivals) {
    const { messages = 0, lastAt = callback.receivedAt } = written.get(keyOf(key)) ?? {}
    const later = new Date(Math.max(callback.receivedAt.getTime(), lastAt.getTime()))
    written.set(keyOf(key), { messages: messages + 1, lastAt: later })
  }
  return [...conversations].flatMap(([key, row]) => {
    const own = written.get(key)
    return own
      ? (changeConversation(row, { type: 'customer_wrote', ...own }, termsOf(terms, row), now) ?? [])
      : []
  })
}

/** Tells apart what came to a number of the account, and what came to one that we do not know. */
async function findArrivals(
  tx: OrgTx,
  messages: Understood<InboundMessage>[],
): Promise<{ arrivals: Arrival[]; leftovers: Leftover[] }> {
  const atWork = await findNumbersAtWork(
    tx,
    messages.map(({ event }) => event.to),
  )
  const arrivals: Arrival[] = []
  const leftovers: Leftover[] = []
  for (const { callback, event } of messages) {
    const settings = atWork.get(numberKey({ channel: event.channel, address: event.to }))
    if (settings && settings.number.accountId === callback.accountId) {
      const { number } = settings
      const key = { channel: event.channel, businessNumber: number.address, customerAddress: event.from }
      arrivals.push({ callback, event, number, settings, key })
    } else {
      const detail = `This account has no ${event.channel} number ${event.to}. Add the number to the account, then release this.`
      leftovers.push({ kind: 'set_aside', callback, reason: 'unknown_number', detail })
    }
  }
  return { arrivals, leftovers }
}

/** The inbox holds each callback once; this is for what was released from quarantine or recovered. */
async function withoutStored(tx: OrgTx, arrivals: Arrival[]): Promise<Arrival[]> {
  const idOf = ({ callback, event }: Arrival) => `${callback.accountId} ${event.providerMessageId}`
  const stored = await findByProviderIds(
    tx,
    arrivals.map(({ callback, event }) => ({
      accountId: callback.accountId,
      providerMessageId: event.providerMessageId,
    })),
  )
  const seen = new Set(stored.keys())
  return arrivals.filter((arrival) => !seen.has(idOf(arrival)) && seen.add(idOf(arrival)))
}

/** An opt-out word counts from the moment it came, an opt-in word takes it back; the last one wins. */
async function keepConsent(tx: OrgTx, arrivals: Arrival[], now: Date): Promise<void> {
  const last = new Map(
    arrivals
      .filter(({ event }) => event.consent === 'stop' || event.consent === 'start')
      .map((arrival) => [keyOf(arrival.key), arrival]),
  )
  const customers = [...last.values()].map(({ event }) => ({
    channel: event.channel,
    customerAddress: event.from,
    hasLeft: event.consent === 'stop',
  }))
  await setOptOuts(
    tx,
    customers.filter(({ hasLeft }) => hasLeft),
    { source: 'keyword', now },
  )
  await clearOptOuts(
    tx,
    customers.filter(({ hasLeft }) => !hasLeft),
  )
}
