import { numberKey } from '../channels/number-repository.js'
import type { ContactSummary } from '../contacts/matching.js'
import { clearOptOuts, setOptOuts } from '../contacts/opt-outs.js'
import { type ConversationChange, changeConversation, type WorkTerms } from '../conversations/change.js'
import { recordChanges } from '../conversations/record.js'
import {
  type ConversationKey,
  findTerms,
  keyOf,
  lockLiveConversations,
  type NamedConversation,
} from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import { noteSteps } from '../conversations/steps.js'
import { atTheEnd } from '../db/at-the-end.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { insertRows, updateRows } from '../db/rows.js'
import type { InboundMessage } from '../providers/provider.js'
import { findNumbersAtWork, type NumberSettings } from '../workstreams/number-settings.js'
import { announceInbound } from './announce.js'
import { composeInbound, findAnswered } from './compose-inbound.js'
import { type Opened, openConversations } from './open-conversations.js'
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
 * number, or to a new one. Set-based: the number of statements does not depend on the number of messages. What is written
 * leaves together with the end: known senders cost one round trip.
 */
export async function attachMessages(
  tx: OrgTx,
  messages: Understood<InboundMessage>[],
  now: Date,
): Promise<Leftover[]> {
  if (messages.length === 0) return []
  const [atWork, stored, live] = await Promise.all([
    findNumbersAtWork(
      tx,
      messages.map(({ event }) => event.to),
    ),
    findByProviderIds(tx, messages.map(providerIdsOf)),
    lockLiveConversations(tx, messages.map(conversationKeyOf)),
  ])
  const { arrivals, leftovers } = sortArrivals(messages, atWork)
  const fresh = withoutStored(arrivals, stored)
  if (fresh.length === 0) return leftovers
  await followNumbers(tx, fresh, live)
  const opened = await openConversations(
    tx,
    fresh.filter(({ key }) => !live.has(keyOf(key))),
    now,
  )
  const conversations = new Map([...live, ...opened.rows])
  const [answered, terms] = await Promise.all([
    findAnswered(tx, fresh),
    termsFor(tx, conversations, fresh),
    keepConsent(tx, fresh, now),
  ])
  const composed = composeInbound(fresh, { conversations, answered, now })
  const changes = changesOf(fresh, conversations, { terms, now })
  const isNew = ({ after }: ConversationChange) => opened.rows.has(keyOf(after))
  const rows = changes.filter(isNew).map(({ after }) => after)
  const known = changes.filter((change) => !isNew(change))
  atTheEnd(
    tx,
    insertRows(tx, 'conversations', rows),
    insertMessages(tx, composed.messages),
    insertMedia(tx, composed.media),
  )
  await recordChanges(tx, known, now)
  announceInbound(tx, {
    opened: rows,
    conversations: changes.map(({ after }) => after),
    contacts: contactsOf(live, opened),
    composed,
    now,
  })
  noteSteps(
    tx,
    rows.map((row) => ({ by: 'opened', from: null, to: 'open', before: null, after: row })),
  )
  return leftovers
}

function contactsOf(live: Map<string, NamedConversation>, opened: Opened): Map<string, ContactSummary> {
  const contacts = new Map(opened.contacts)
  for (const { contactId: id, contactName: name } of live.values()) {
    if (id !== null && name !== null) contacts.set(id, { id, name })
  }
  return contacts
}

/** A number that was deleted and added again, in this account or another, takes its live conversations with it. */
async function followNumbers(tx: OrgTx, arrivals: Arrival[], live: Map<string, Conversation>): Promise<void> {
  const moved: Conversation[] = []
  for (const { key, number, callback } of arrivals) {
    const row = live.get(keyOf(key))
    if (!row || row.numberId === number.id) continue
    row.numberId = number.id
    row.accountId = callback.accountId
    row.provider = callback.provider
    moved.push(row)
  }
  await updateRows(tx, 'conversations', moved, ['numberId', 'accountId', 'provider'])
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
  return new Map<string, WorkTerms>([...known, ...(ids.size > 0 ? await findTerms(tx, [...ids]) : [])])
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
function sortArrivals(
  messages: Understood<InboundMessage>[],
  atWork: Map<string, NumberSettings>,
): { arrivals: Arrival[]; leftovers: Leftover[] } {
  const arrivals: Arrival[] = []
  const leftovers: Leftover[] = []
  for (const message of messages) {
    const { callback, event } = message
    const settings = atWork.get(numberKey({ channel: event.channel, address: event.to }))
    if (settings && settings.number.accountId === callback.accountId) {
      arrivals.push({ ...message, number: settings.number, settings, key: conversationKeyOf(message) })
    } else {
      const detail = `This account has no ${event.channel} number ${event.to}. Add the number to the account, then release this.`
      leftovers.push({ kind: 'set_aside', callback, reason: 'unknown_number', detail })
    }
  }
  return { arrivals, leftovers }
}

const conversationKeyOf = ({ event }: Understood<InboundMessage>): ConversationKey => ({
  channel: event.channel,
  businessNumber: event.to,
  customerAddress: event.from,
})

const providerIdsOf = ({ callback, event }: Understood<InboundMessage>) => ({
  accountId: callback.accountId,
  providerMessageId: event.providerMessageId,
})

/** The inbox holds each callback once; this is for what was released from quarantine or recovered. */
function withoutStored(arrivals: Arrival[], stored: ReadonlyMap<string, unknown>): Arrival[] {
  const seen = new Set(stored.keys())
  return arrivals.filter((arrival) => {
    const { accountId, providerMessageId } = providerIdsOf(arrival)
    const id = `${accountId} ${providerMessageId}`
    return !seen.has(id) && seen.add(id)
  })
}

/**
 * An opt-out word counts from the moment it came, an opt-in word takes it back; the last one wins. One that was recovered
 * may be older than what we have heard since: an opt-in takes back only what was before it, an opt-out always counts.
 */
async function keepConsent(tx: OrgTx, arrivals: Arrival[], now: Date): Promise<void> {
  const last = new Map(
    arrivals
      .filter(({ event }) => event.consent === 'stop' || event.consent === 'start')
      .toSorted((a, b) => a.callback.receivedAt.getTime() - b.callback.receivedAt.getTime())
      .map((arrival) => [keyOf(arrival.key), arrival]),
  )
  const customers = [...last.values()].map(({ event, callback: { recovered, receivedAt } }) => ({
    channel: event.channel,
    customerAddress: event.from,
    hasLeft: event.consent === 'stop',
    ...(recovered && { since: receivedAt, before: receivedAt }),
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
