import type { OrgTx } from '../db/database.js'
import type { Conversation, Participant } from '../db/generated/client.js'
import { idPattern, type PageRequest, readCursor } from '../db/page.js'
import { AppError, notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'
import type { ConversationChange } from './change.js'
import { dueAt } from './due-times.js'
import { noteAttendance } from './steps.js'

type Given = Pick<Participant, 'conversationId' | 'agentId' | 'mode' | 'invitedById' | 'createdAt'> &
  Partial<Participant>

/** Takes part from now on, or is asked to, in the session that runs or ran last. */
export async function addParticipant(tx: OrgTx, given: Given): Promise<Participant> {
  const session = await tx.session.findFirst({
    where: { conversationId: given.conversationId, acceptedAt: { not: null } },
    orderBy: { id: 'desc' },
  })
  return tx.participant.create({
    data: { ...given, orgId: tx.orgId, id: newId(), sessionId: session?.id ?? '' },
  })
}

/** Everybody who takes part or is asked to. */
export async function findLive(tx: OrgTx, conversationId: string): Promise<Participant[]> {
  return tx.participant.findMany({ where: { conversationId, leftAt: null }, orderBy: { id: 'asc' } })
}

export async function getConsult(tx: OrgTx, conversationId: string, id: string): Promise<Participant> {
  const row = await tx.participant.findFirst({ where: { id, conversationId, mode: 'consult' } })
  if (!row) throw notFound('consult')
  return row
}

type Change = Partial<Pick<Participant, 'expiresAt' | 'joinedAt' | 'addedAt' | 'leftAt' | 'endReason'>>

export async function changeParticipant(tx: OrgTx, row: Participant, change: Change): Promise<void> {
  await tx.participant.updateMany({ where: { id: row.id }, data: change })
  noteChange(tx, row, change)
}

/**
 * The customer may be told that somebody joins the conversation, or leaves it (whoever writes to them, and nobody else); and
 * that somebody is consulted, or no longer.
 */
function noteChange(
  tx: OrgTx,
  { conversationId, agentId, mode, joinedAt, addedAt }: Participant,
  change: Pick<Change, 'joinedAt' | 'addedAt' | 'leftAt'>,
): void {
  const isConsult = mode === 'consult'
  if (isConsult && change.joinedAt) noteAttendance(tx, { by: 'consult_accepted', conversationId, agentId })
  if (isConsult && change.leftAt && joinedAt)
    noteAttendance(tx, { by: 'consult_ended', conversationId, agentId })
  if (change.addedAt) noteAttendance(tx, { by: 'participant_joined', conversationId, agentId })
  if (change.leftAt && addedAt) noteAttendance(tx, { by: 'participant_left', conversationId, agentId })
}

/** Writes into the locked conversation, and into `row`, who takes part in it now; and when it closes by itself. */
export async function saveParticipation(tx: OrgTx, row: Conversation): Promise<void> {
  const live = await findLive(tx, row.id)
  const invited = live.filter(({ joinedAt }) => joinedAt === null)
  const expiries = invited.flatMap(({ expiresAt }) => expiresAt?.getTime() ?? [])
  row.participantIds = live.filter(({ joinedAt }) => joinedAt !== null).map(({ agentId }) => agentId)
  row.invitedIds = invited.map(({ agentId }) => agentId)
  row.invitationsExpireAt = expiries.length > 0 ? new Date(Math.min(...expiries)) : null
  row.dueAt = dueAt(row)
  const { participantIds, invitedIds, invitationsExpireAt, closesAt } = row
  await tx.conversation.updateMany({
    where: { id: row.id },
    data: { participantIds, invitedIds, invitationsExpireAt, closesAt, dueAt: row.dueAt },
  })
}

/** Whoever took part beside an agent whose session has ended leaves, too. */
export async function endParticipation(
  tx: OrgTx,
  changes: readonly ConversationChange[],
  now: Date,
): Promise<void> {
  const count = ({ participantIds, invitedIds }: Conversation) => participantIds.length + invitedIds.length
  const ids = changes
    .filter(({ before, after }) => count(before) > 0 && after.participantIds !== before.participantIds)
    .map(({ after }) => after.id)
  if (ids.length === 0) return
  await tx.$executeRaw`
    UPDATE participants SET left_at = ${now}, expires_at = NULL, end_reason = 'session_ended'
    WHERE org_id = ${tx.orgId}::uuid AND conversation_id = ANY(${ids}::uuid[]) AND left_at IS NULL`
}

/** The conversations in which an agent takes part or is asked to. */
export async function findParticipation(tx: OrgTx, agentId: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ conversationId: string }[]>`
    SELECT conversation_id AS "conversationId" FROM participants
    WHERE org_id = ${tx.orgId}::uuid AND agent_id = ${agentId}::uuid AND left_at IS NULL`
  return rows.map(({ conversationId }) => conversationId)
}

export async function findParticipantsOf(tx: OrgTx, sessionIds: readonly string[]): Promise<Participant[]> {
  return tx.participant.findMany({ where: { sessionId: { in: [...sessionIds] } }, orderBy: { id: 'asc' } })
}

/** In their order; one more than the page holds. */
export async function listConsults(
  tx: OrgTx,
  conversationId: string,
  page: PageRequest,
): Promise<Participant[]> {
  const [after] = readCursor(page.cursor, [idPattern]) ?? []
  return tx.participant.findMany({
    where: { conversationId, mode: 'consult', ...(after && { id: { gt: after } }) },
    orderBy: { id: 'asc' },
    take: page.limit + 1,
  })
}

/** Throws unless this agent, who takes part, was added to write to the customer. */
export async function assertAdded(tx: OrgTx, { id }: Conversation, agentId: string): Promise<void> {
  const live = await findLive(tx, id)
  if (live.some((row) => row.agentId === agentId && row.addedAt !== null)) return
  throw new AppError(
    'forbidden',
    'You consult on this conversation: write a note, or have its agent add you.',
  )
}

export interface Invitee {
  id: string
  name: string
}

/** The available member of a queue who was given nothing for the longest time, none of these. */
export async function findAvailableMember(
  tx: OrgTx,
  queueId: string,
  except: readonly string[],
): Promise<Invitee | null> {
  const [member] = await tx.$queryRaw<Invitee[]>`
    SELECT a.id, a.name FROM queue_members m JOIN agents a ON a.org_id = m.org_id AND a.id = m.agent_id
    WHERE m.org_id = ${tx.orgId}::uuid AND m.queue_id = ${queueId}::uuid AND (a.presence = 'available' OR (a.presence = 'busy' AND a.presence_is_automatic))
      AND a.id <> ALL (${[...except]}::uuid[])
    ORDER BY a.last_assigned_at NULLS FIRST, a.id LIMIT 1 FOR NO KEY UPDATE OF a`
  return member ?? null
}
