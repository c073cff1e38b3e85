/** What joins others' units of work when invitations to consult are answered, or run out. */

import type { OrgTx } from '../db/database.js'
import type { Conversation, Participant } from '../db/generated/client.js'
import type { DomainEvent } from '../events/event-types.js'
import { emit } from '../events/outbox.js'
import type { ConversationChange } from './change.js'
import { addParticipant, changeParticipant, findLive, saveParticipation } from './participant-repository.js'
import { presentConsult, presentConversation } from './present.js'
import { hearers } from './record.js'
import { findContactNames, lockConversations } from './repository.js'

/** A consult, or an invitation to one, of a locked conversation. */
interface Subject {
  row: Conversation
  consult: Participant
  now: Date
}

/** The invited agent says yes or no. Taking part costs no capacity. */
export async function answerInvitation(
  tx: OrgTx,
  { row, agentId, isYes, now }: { row: Conversation; agentId: string; isYes: boolean; now: Date },
): Promise<void> {
  const consult = (await findLive(tx, row.id)).find((each) => each.agentId === agentId)
  if (!consult) return
  if (isYes) await changeConsult(tx, { row, consult, now }, { joinedAt: now, expiresAt: null })
  else await endConsult(tx, { row, consult, now }, 'rejected')
}

/** Ends the invitations of these locked conversations that were not answered in time. */
export async function endUnanswered(tx: OrgTx, rows: readonly Conversation[], now: Date): Promise<void> {
  for (const row of rows) {
    if (!row.invitationsExpireAt || row.invitationsExpireAt > now) continue
    for (const consult of await findLive(tx, row.id))
      if (consult.expiresAt && consult.expiresAt <= now)
        await endConsult(tx, { row, consult, now }, 'timeout')
  }
}

/** Ends what an agent who goes offline is invited to. Where they take part already, they go on. */
export async function withdrawInvitations(tx: OrgTx, agentId: string, now: Date): Promise<void> {
  const invitations = await tx.participant.findMany({ where: { agentId, leftAt: null, joinedAt: null } })
  const rows = await lockConversations(
    tx,
    invitations.map(({ conversationId }) => conversationId),
  )
  for (const row of rows) {
    const consult = (await findLive(tx, row.id)).find((each) => each.agentId === agentId && !each.joinedAt)
    if (consult) await endConsult(tx, { row, consult, now }, 'agent_disconnected')
  }
}

export const endConsult = (tx: OrgTx, subject: Subject, endReason: string): Promise<Participant> =>
  changeConsult(tx, subject, { leftAt: subject.now, expiresAt: null, endReason })

/** Writes the change, and tells all who are concerned, the one who leaves included. */
export async function changeConsult(
  tx: OrgTx,
  { row, consult, now }: Subject,
  change: Parameters<typeof changeParticipant>[2],
): Promise<Participant> {
  await changeParticipant(tx, consult, change)
  await saveParticipation(tx, row)
  const after = { ...consult, ...change }
  emit(tx, [await consultEvent(tx, 'conversation.participants_changed', { row, consult: after, now })])
  return after
}

/** Whoever a supervisor has taken these conversations from consults the agent who has accepted them. */
export async function keepConsultants(
  tx: OrgTx,
  changes: readonly ConversationChange[],
  now: Date,
): Promise<void> {
  for (const { consultant, before, after: row } of changes) {
    if (!consultant) continue
    const consult = await addParticipant(tx, {
      conversationId: row.id,
      agentId: consultant,
      mode: 'consult',
      invitedById: before.transferById,
      createdAt: now,
      joinedAt: now,
    })
    emit(tx, [await consultEvent(tx, 'conversation.participants_changed', { row, consult, now })])
  }
}

export async function consultEvent(
  tx: OrgTx,
  type: 'conversation.participants_changed' | 'conversation.offered',
  { row, consult, now }: Subject,
): Promise<DomainEvent> {
  const contact = (await findContactNames(tx, [row.contactId])).get(row.contactId ?? '') ?? null
  return {
    type,
    at: now,
    queueId: row.queueId,
    agentIds: [...new Set([...(type === 'conversation.offered' ? [] : hearers(row)), consult.agentId])],
    data: { conversation: presentConversation(row, contact, now), consult: presentConsult(consult) },
  }
}
