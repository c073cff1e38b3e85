import { type ContactSummary, findContactsByAddresses } from '../contacts/matching.js'
import { defaultPriority } from '../conversations/change.js'
import { activeAt, closesAt } from '../conversations/due-times.js'
import { keyOf } from '../conversations/repository.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { newId } from '../lib/ids.js'
import type { Arrival } from './attach.js'

/** Conversations that are not stored yet, by `keyOf`, and their contacts by id. */
export interface Opened {
  rows: Map<string, Conversation>
  contacts: Map<string, ContactSummary>
}

/**
 * A new conversation for each customer among these arrivals. The sender is matched to the active contact
 * with that mobile phone or address: exactly one links, none or several do not (domain.md 4.1). A partial unique index
 * makes sure that a customer has one live conversation per number.
 */
export async function openConversations(tx: OrgTx, arrivals: Arrival[], now: Date): Promise<Opened> {
  if (arrivals.length === 0) return { rows: new Map(), contacts: new Map() }
  const firsts = [
    ...new Map(arrivals.toReversed().map((arrival) => [keyOf(arrival.key), arrival])).values(),
  ].toReversed()
  const contacts = await matchContacts(tx, firsts)
  const rows = firsts.map((arrival) =>
    newConversation(tx.orgId, arrival, { contactId: contacts.get(keyOf(arrival.key))?.id ?? null, now }),
  )
  return {
    rows: new Map(rows.map((row) => [keyOf(row), row])),
    contacts: new Map([...contacts.values()].map((contact) => [contact.id, contact])),
  }
}

async function matchContacts(tx: OrgTx, arrivals: Arrival[]): Promise<Map<string, ContactSummary>> {
  const matched = new Map<string, ContactSummary>()
  for (const channel of ['sms', 'whatsapp'] as const) {
    const own = arrivals.filter(({ event }) => event.channel === channel)
    if (own.length === 0) continue
    const found = await findContactsByAddresses(
      tx,
      channel,
      own.flatMap(({ event }) => [event.from, ...event.aliases]),
    )
    for (const { key, event } of own) {
      const behind = [event.from, ...event.aliases].flatMap((address) => found.get(address) ?? [])
      const [only] = behind
      if (only && behind.every(({ id }) => id === only.id)) matched.set(keyOf(key), only)
    }
  }
  return matched
}

function newConversation(
  orgId: string,
  { callback, event, number, settings, key }: Arrival,
  { contactId, now }: { contactId: string | null; now: Date },
): Conversation {
  const { capacityProfileId: profileId } = settings.workstream
  const closing = closesAt('open', settings.workstream, now)
  return {
    orgId,
    id: newId(),
    status: 'open',
    statusReason: 'awaiting_agent_assignment',
    ...key,
    provider: callback.provider,
    accountId: callback.accountId,
    numberId: number.id,
    language: settings.language,
    profileName: event.profileName,
    contactId,
    authenticated: contactId !== null,
    workstreamId: settings.workstream.id,
    queueId: null,
    queuedAt: null,
    priority: defaultPriority,
    isReturning: false,
    demand: null,
    skills: null,
    preferredAgentIds: [],
    overflowAfterMinutes: null,
    overflowAt: null,
    parkedReason: null,
    agentId: null,
    offeredAt: null,
    offerExpiresAt: null,
    offerAutoAssign: false,
    offerUnseen: false,
    acceptedAt: null,
    heldUnits: 0,
    capacityProfileIds: profileId === null ? [] : [profileId],
    heldProfileIds: [],
    releaseUnitsAt: null,
    firstText: event.text,
    unreadCount: 0,
    context: {},
    createdAt: now,
    statusUpdatedAt: now,
    lastInboundAt: null,
    lastMessageAt: callback.receivedAt,
    lastAgentMessageAt: null,
    activeAt: activeAt(callback.receivedAt),
    resolvedAt: null,
    closesAt: closing,
    closedAt: null,
    transferAgentId: null,
    transferById: null,
    transferOfferedAt: null,
    transferExpiresAt: null,
    transferCount: 0,
    timeoutAt: null,
    participantIds: [],
    invitedIds: [],
    invitationsExpireAt: null,
    dueAt: closing,
  }
}
