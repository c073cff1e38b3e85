import { announcePresence, withdrawFromWork } from '../agents/presence-changes.js'
import { atTheEnd } from '../db/at-the-end.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import type { DomainEvent, PublicEventType } from '../events/event-types.js'
import { emit } from '../events/outbox.js'
import { notificationOf, type OfferTerms, offerTerms } from '../notification-templates/offer-terms.js'
import { releaseCapacity } from './capacity.js'
import type { ConversationChange } from './change.js'
import { saveStatusChanges } from './history-repository.js'
import type { Happening } from './lifecycle.js'
import { endParticipation } from './participant-repository.js'
import { presentConversation } from './present.js'
import { findContactNames, findQueueNames, saveConversations } from './repository.js'
import { saveSessions } from './session-repository.js'
import { noteSteps } from './steps.js'

/** Writes steps of conversations with all that belongs to them: trail, sessions, the agents' capacity, and the events. */
export async function recordChanges(
  tx: OrgTx,
  changes: readonly ConversationChange[],
  now: Date,
): Promise<void> {
  if (changes.length === 0) return
  noteSteps(
    tx,
    changes.map(({ transition, before, after }) => ({ ...transition, before, after })),
  )
  atTheEnd(
    tx,
    saveConversations(tx, changes),
    saveStatusChanges(tx, changes, now),
    saveSessions(tx, changes, now),
    endParticipation(tx, changes, now),
  )
  await Promise.all([
    releaseCapacity(
      tx,
      changes.flatMap(({ released }) => released ?? []),
      now,
    ),
    announce(tx, changes, now),
  ])
  await withdrawFromWork(tx, refusalsOf(changes), now)
  await announcePresence(tx, now)
}

/** Who has refused or missed what was offered to them. */
function refusalsOf(changes: readonly ConversationChange[]) {
  const by = (reason: string): string[] =>
    changes.flatMap(({ sessions }) =>
      sessions.filter((session) => session.reason === reason).map(({ agentId }) => agentId),
    )
  return { rejectedBy: by('agent_reject'), missedBy: by('agent_timeout') }
}

async function announce(tx: OrgTx, changes: readonly ConversationChange[], now: Date): Promise<void> {
  const told = changes.flatMap((change) => eventTypes(change).map((type) => ({ type, change })))
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
  emit(
    tx,
    told.map(({ type, change }) => {
      const { before, after } = change
      const contact = contacts.get(after.contactId ?? '') ?? null
      const conversation = presentConversation(after, contact, now)
      const isTransfer = type === 'conversation.transferred'
      return {
        type,
        at: now,
        // Supervisors of the queue that it leaves hear that it does
        queueId: isTransfer ? before.queueId : after.queueId,
        toMembers: isTransfer ? before.status === 'open' : isOpenSomewhere(before, after),
        agentIds: audience(change),
        data:
          type === 'conversation.offered'
            ? { conversation, offer: offerOf(change, contact, queues) }
            : { conversation },
      }
    }),
  )
}

function eventTypes({ transition: { from, to, by } }: ConversationChange): PublicEventType[] {
  if (by === 'transferred_to_queue' || by === 'assigned_to_queue')
    return ['conversation.transferred', 'conversation.queued']
  if (by === 'routed') return ['conversation.queued']
  if (from === to) return []
  if (to === 'open') return ['conversation.queued']
  if (to === 'offered' || to === 'transferring') return ['conversation.offered']
  if (by === 'transfer_accepted') return ['conversation.transferred']
  return to === 'active' ? ['conversation.assigned'] : [`conversation.${to}`]
}

/** What an agent's notification shows. */
function offerOf(
  { transition: { by }, after, offer }: ConversationChange,
  contact: { id: string; name: string } | null,
  queues: Map<string, string>,
) {
  const expiresAt = after.transferExpiresAt ?? after.offerExpiresAt
  const terms = offer ?? offerTerms(null, 'transfer')
  return offerShown(after, { kind: kinds[by] ?? 'incoming', expiresAt, terms, contact, queues })
}

const kinds: Partial<Record<Happening, Offer['kind']>> = {
  transfer_offered: 'transfer',
  assigned: 'supervisor_assign',
}

interface Offer {
  kind: 'incoming' | 'transfer' | 'consult' | 'supervisor_assign'
  expiresAt: Date | null
  terms: OfferTerms
}

function offerShown(
  row: Conversation,
  {
    kind,
    expiresAt,
    terms,
    contact,
    queues,
  }: Offer & { contact: { id: string; name: string } | null; queues: Map<string, string> },
) {
  const customer = contact?.name ?? row.profileName ?? row.customerAddress
  const queueName = queues.get(row.queueId ?? '') ?? ''
  const { customerAddress, businessNumber, channel } = row
  const facts = {
    ...{ customerAddress, businessNumber, channel, queueName },
    customerName: customer,
    customerRecordId: contact?.id ?? '',
    firstText: row.firstText ?? '',
    queueId: row.queueId ?? '',
    visitorLanguage: row.language,
    context: row.context as Record<string, unknown>,
  }
  return {
    kind,
    customer,
    customerAddress: row.customerAddress,
    authenticated: row.authenticated,
    queue: row.queueId ? { id: row.queueId, name: queues.get(row.queueId) ?? '' } : null,
    firstText: row.firstText,
    offerExpiresAt: expiresAt?.toISOString() ?? null,
    notification: notificationOf(terms, facts),
  }
}

/** The same for an offer that is no step of the conversation. */
export async function offerFacts(tx: OrgTx, row: Conversation, offer: Offer) {
  const contacts = await findContactNames(tx, [row.contactId])
  const queues = await findQueueNames(tx, row.queueId ? [row.queueId] : [])
  return offerShown(row, { ...offer, contact: contacts.get(row.contactId ?? '') ?? null, queues })
}

/** The members of a queue hear what is open in it, and that something has left it. */
const isOpenSomewhere = (before: Conversation, after: Conversation): boolean =>
  after.status === 'open' || before.status === 'open'

/**
 * Who has it or had it before the step, to whom it was about to be transferred, and who took part or was invited to. That
 * it is to be transferred, only that agent hears.
 */
function audience({ transition: { to }, before, after }: ConversationChange): string[] {
  const concerned =
    to === 'transferring'
      ? [after.transferAgentId]
      : [
          ...[before.agentId, before.transferAgentId, after.agentId],
          ...[...before.participantIds, ...before.invitedIds, ...after.participantIds],
        ]
  return [...new Set(concerned.flatMap((agentId) => agentId ?? []))]
}

/** Agents who hear of what happens in a conversation: who has it, and who takes part. */
export const hearers = ({
  agentId,
  participantIds,
}: Pick<Conversation, 'agentId' | 'participantIds'>): string[] => [
  ...new Set([...(agentId ? [agentId] : []), ...participantIds]),
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
    agentIds: hearers(row),
    data: { conversation: presentConversation(row, contact, now) },
  }
}
