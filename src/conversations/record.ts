import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import type { DomainEvent, PublicEventType } from '../events/event-types.js'
import { emit } from '../events/outbox.js'
import { releaseCapacity } from './capacity.js'
import type { ConversationChange } from './change.js'
import { saveStatusChanges } from './history-repository.js'
import { presentConversation } from './present.js'
import { findContactNames, findQueueNames, saveConversations, saveSessions } from './repository.js'

/** Writes steps of conversations with all that belongs to them: trail, sessions, the agents' capacity, and the events. */
export async function recordChanges(
  tx: OrgTx,
  changes: readonly ConversationChange[],
  now: Date,
): Promise<void> {
  if (changes.length === 0) return
  await Promise.all([
    saveConversations(tx, changes),
    saveStatusChanges(tx, changes, now),
    saveSessions(tx, changes, now),
    releaseCapacity(
      tx,
      changes.flatMap(({ released }) => released ?? []),
    ),
    announce(tx, changes, now),
  ])
}

async function announce(tx: OrgTx, changes: readonly ConversationChange[], now: Date): Promise<void> {
  const told = changes.flatMap((change) => {
    const type = eventType(change)
    return type ? [{ type, change }] : []
  })
  if (told.length === 0) return
  const contacts = await findContactNames(
    tx,
    told.map(({ change }) => change.after.contactId),
  )
  const offers = told.filter(({ type }) => type === 'conversation.offered')
  const queues = await (offers.length > 0
    ? findQueueNames(
        tx,
        offers.flatMap(({ change }) => change.after.queueId ?? []),
      )
    : new Map<string, string>())
  await emit(
    tx,
    told.map(({ type, change: { before, after } }) => {
      const contact = contacts.get(after.contactId ?? '') ?? null
      const conversation = presentConversation(after, contact, now)
      const data =
        type === 'conversation.offered'
          ? { conversation, offer: offerOf(after, contact, queues) }
          : { conversation }
      return {
        type,
        at: now,
        queueId: after.queueId,
        toMembers: isOpenSomewhere(before, after),
        agentIds: audience(before, after),
        data,
      }
    }),
  )
}

function eventType({ transition: { from, to, by } }: ConversationChange): PublicEventType | null {
  if (by === 'routed') return 'conversation.queued'
  if (from === to) return null
  if (to === 'open') return 'conversation.queued'
  if (to === 'offered') return 'conversation.offered'
  return to === 'active' ? 'conversation.assigned' : `conversation.${to}`
}

/** What an agent's notification shows. */
function offerOf(row: Conversation, contact: { name: string } | null, queues: Map<string, string>) {
  return {
    customer: contact?.name ?? row.profileName ?? row.customerAddress,
    customerAddress: row.customerAddress,
    authenticated: row.authenticated,
    queue: row.queueId ? { id: row.queueId, name: queues.get(row.queueId) ?? '' } : null,
    firstText: row.firstText,
    offerExpiresAt: row.offerExpiresAt?.toISOString() ?? null,
  }
}

/** The members of a queue hear what is open in it, and that something has left it. */
const isOpenSomewhere = (before: Conversation, after: Conversation): boolean =>
  after.status === 'open' || before.status === 'open'

const audience = (before: Conversation, after: Conversation): string[] => [
  ...new Set([before.agentId, after.agentId].flatMap((agentId) => agentId ?? [])),
]

/** One event about a conversation that made no step: it was opened, or linked. */
export function conversationEvent(
  type: 'conversation.opened' | 'conversation.linked',
  row: Conversation,
  contact: { id: string; name: string } | null,
  now: Date,
): DomainEvent {
  return {
    type,
    at: now,
    queueId: row.queueId,
    toMembers: row.status === 'open',
    agentIds: row.agentId ? [row.agentId] : [],
    data: { conversation: presentConversation(row, contact, now) },
  }
}
