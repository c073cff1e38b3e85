import type { OrgTx } from '../db/database.js'
import { type Channel, type Conversation, Prisma } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import { columnsOf, updateRows } from '../db/rows.js'
import { notFound } from '../lib/errors.js'
import { offerTemplatesOf } from '../notification-templates/repository.js'
import { closingTimesOf, withClosingTimes } from '../workstreams/closing-times.js'
import type { ConversationChange, WorkTerms } from './change.js'

/** What makes a conversation the one that a customer's message belongs to. */
export interface ConversationKey {
  channel: Channel
  businessNumber: string
  customerAddress: string
}

export const keyOf = ({ channel, businessNumber, customerAddress }: ConversationKey): string =>
  `${channel} ${businessNumber} ${customerAddress}`

/** Locks one conversation for this unit of work. Lock order everywhere: conversations (by id), then agents (by id). */
export async function lockConversation(tx: OrgTx, id: string): Promise<Conversation> {
  const [conversation] = await lockConversations(tx, [id])
  if (!conversation) throw notFound('conversation')
  return conversation
}

const columns = columnsOf(Prisma.ConversationScalarFieldEnum, 'c')

export async function lockConversations(tx: OrgTx, ids: readonly string[]): Promise<Conversation[]> {
  if (ids.length === 0) return []
  return tx.$queryRaw<Conversation[]>`
    SELECT ${columns} FROM conversations c WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ANY(${ids}::uuid[])
    ORDER BY c.id FOR UPDATE`
}

/** With the name of its contact, as whoever hears of it sees it. */
export type NamedConversation = Conversation & { contactName: string | null }

/** The live conversations (open, active, waiting) of these customers, locked, by `keyOf`. */
export async function lockLiveConversations(
  tx: OrgTx,
  keys: readonly ConversationKey[],
): Promise<Map<string, NamedConversation>> {
  // One index look-up per key, whatever the planner believes about a table that is new
  const rows = await tx.$queryRaw<NamedConversation[]>`
    SELECT ${columns},
      (SELECT n.name FROM contacts n WHERE n.org_id = c.org_id AND n.id = c.contact_id) AS "contactName"
    FROM conversations c
    WHERE c.org_id = ${tx.orgId}::uuid AND c.status IN ('open', 'active', 'waiting') AND c.id = ANY (ARRAY(
      SELECT (
        SELECT live.id FROM conversations live
        WHERE live.org_id = ${tx.orgId}::uuid AND live.channel = k.channel AND live.business_number = k."businessNumber"
          AND live.customer_address = k."customerAddress" AND live.status IN ('open', 'active', 'waiting')
      )
      FROM jsonb_to_recordset(${JSON.stringify(keys)}::jsonb)
        AS k(channel channel, "businessNumber" text, "customerAddress" text)))
    ORDER BY c.id FOR UPDATE`
  return new Map(rows.map((row) => [keyOf(row), row]))
}

/** What a step can change. */
const changeable = [
  ...(['status', 'statusReason', 'statusUpdatedAt'] as const),
  ...(['queueId', 'queuedAt', 'isReturning', 'demand', 'parkedReason'] as const),
  ...(['overflowAfterMinutes', 'overflowAt'] as const),
  ...(['agentId', 'offeredAt', 'offerExpiresAt', 'offerAutoAssign', 'offerUnseen', 'acceptedAt'] as const),
  ...(['heldUnits', 'capacityProfileIds', 'heldProfileIds', 'releaseUnitsAt'] as const),
  ...(['unreadCount', 'lastInboundAt', 'lastMessageAt', 'activeAt'] as const),
  ...(['resolvedAt', 'closesAt', 'closedAt', 'timeoutAt', 'dueAt'] as const),
  ...([
    'transferAgentId',
    'transferById',
    'transferOfferedAt',
    'transferExpiresAt',
    'transferCount',
  ] as const),
  ...(['participantIds', 'invitedIds', 'invitationsExpireAt'] as const),
]

/** What a message of the customer changes in a conversation that stays where it is: nearly all that is ever written. */
const ofMessages: readonly (keyof Conversation)[] = [
  ...(['unreadCount', 'lastInboundAt', 'lastMessageAt', 'activeAt'] as const),
  ...(['timeoutAt', 'dueAt'] as const),
]

/** Writes the steps that `changeConversation` worked out. The only writer of a conversation's status. */
export async function saveConversations(tx: OrgTx, changes: readonly ConversationChange[]): Promise<void> {
  const more = changeable.filter((field) => !ofMessages.includes(field))
  const isMore = changes.some(({ before, after }) => more.some((field) => after[field] !== before[field]))
  await updateRows(
    tx,
    'conversations',
    changes.map(({ after }) => after),
    isMore ? changeable : ofMessages,
  )
}

/** How long things last, by workstream. */
export async function findTerms(
  tx: OrgTx,
  workstreamIds: readonly string[],
): Promise<Map<string, WorkTerms>> {
  const rows = await tx.$queryRaw<(WorkTerms & { id: string })[]>`
    SELECT w.id, w.auto_close_after_minutes AS "autoCloseAfterMinutes", w.capacity_units AS "capacityUnits",
      w.wrap_up_block_seconds AS "wrapUpBlockSeconds", w.keep_same_agent AS "keepSameAgent", w.agent_timeouts AS "agentTimeouts",
      w.customer_timeouts AS "customerTimeouts", ${closingTimesOf}, ${offerTemplatesOf}
    FROM workstreams w ${withClosingTimes}
    WHERE w.org_id = ${tx.orgId}::uuid AND w.id = ANY(${[...new Set(workstreamIds)]}::uuid[])`
  return new Map(rows.map((row) => [row.id, row]))
}

export async function findContactNames(
  tx: OrgTx,
  ids: readonly (string | null)[],
): Promise<Map<string, { id: string; name: string }>> {
  const wanted = [...new Set(ids)].flatMap((id) => id ?? [])
  if (wanted.length === 0) return new Map()
  const rows = await tx.$queryRaw<{ id: string; name: string }[]>`
    SELECT id, name FROM contacts WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${wanted}::uuid[])`
  return new Map(rows.map((row) => [row.id, row]))
}

export async function findQueueNames(tx: OrgTx, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await tx.queue.findMany({
    where: { id: { in: [...new Set(ids)] } },
    select: { id: true, name: true },
  })
  return new Map(rows.map(({ id, name }) => [id, name]))
}

/** The queues that an agent is a member of. */
export async function findQueuesOf(tx: OrgTx, agentId: string): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ queueId: string }[]>`
    SELECT queue_id AS "queueId" FROM queue_members
    WHERE org_id = ${tx.orgId}::uuid AND agent_id = ${agentId}::uuid`
  return new Set(rows.map(({ queueId }) => queueId))
}

/** The queues of several agents; none of an agent who is in no queue. */
export async function findQueuesOfAll(
  tx: OrgTx,
  agentIds: readonly string[],
): Promise<Map<string, Set<string>>> {
  const rows = await tx.$queryRaw<{ agentId: string; queueIds: string[] }[]>`
    SELECT agent_id AS "agentId", array_agg(queue_id::text) AS "queueIds" FROM queue_members
    WHERE org_id = ${tx.orgId}::uuid AND agent_id = ANY (${[...agentIds]}::uuid[]) GROUP BY agent_id`
  return new Map(rows.map(({ agentId, queueIds }) => [agentId, new Set(queueIds)]))
}

/** What was offered to this agent and they have not accepted, transfers included. */
export async function findOffersTo(tx: OrgTx, agentId: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM conversations
    WHERE org_id = ${tx.orgId}::uuid AND agent_id = ${agentId}::uuid AND status IN ('active') AND accepted_at IS NULL
    UNION ALL
    SELECT id FROM conversations WHERE org_id = ${tx.orgId}::uuid AND transfer_agent_id = ${agentId}::uuid`
  return rows.map(({ id }) => id)
}

export async function findDue(
  tx: OrgTx,
  now: Date,
  { limit, except }: Pick<Take, 'limit' | 'except'>,
): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM conversations WHERE due_at <= ${now} AND id <> ALL (${except}::uuid[])
    ORDER BY due_at LIMIT ${limit}`
  return rows.map(({ id }) => id)
}
