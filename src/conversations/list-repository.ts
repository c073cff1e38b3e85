import type { OrgTx } from '../db/database.js'
import { type Conversation, type ConversationStatus, Prisma } from '../db/generated/client.js'
import { columnsOf } from '../db/rows.js'
import { neverPrepared } from '../db/statements.js'

/**
 * A part of a list that an index answers in the order of the list: those of an agent, of queues, or all; or a part that
 * is short, such as what is about to be transferred to an agent.
 */
export interface Source {
  agentId?: string
  transferAgentId?: string
  ids?: readonly string[]
  queueIds?: readonly string[]
  /** None but these */
  statuses?: readonly ConversationStatus[]
  /** Left out, for they are in another source */
  notOf?: string
  notInQueues?: readonly string[]
  /** Not what is about to be transferred to this agent */
  notToCome?: string
  closedSince?: Date
}

export interface Filters {
  status: ConversationStatus | undefined
  contactId: string | undefined
  customerAddresses: readonly string[] | undefined
  workstreamId: string | undefined
  queueId: string | undefined
}

/** The last conversation of the page before; by activity with its times. */
export interface After {
  id: string
  lastMessageAt?: Date
  activeAt?: Date
}

export interface List {
  sources: readonly Source[]
  filters: Filters
  after: After | null
  sort: 'created' | 'activity'
  take: number
}

// A conversation has twice as many columns, and to read them all would take as long as all the rest of a list
const fields = [
  'id',
  'status',
  'statusReason',
  'channel',
  'provider',
  'customerAddress',
  'businessNumber',
  'language',
  'contactId',
  'authenticated',
  'workstreamId',
  'queueId',
  'agentId',
  'offeredAt',
  'offerExpiresAt',
  'acceptedAt',
  'transferAgentId',
  'transferById',
  'transferOfferedAt',
  'transferExpiresAt',
  'transferCount',
  'unreadCount',
  'context',
  'createdAt',
  'statusUpdatedAt',
  'lastInboundAt',
  'lastMessageAt',
  'activeAt',
  'resolvedAt',
  'closesAt',
  'closedAt',
] as const satisfies readonly (keyof Conversation)[]

/** What callers see of a conversation. */
export type ShownConversation = Pick<Conversation, (typeof fields)[number]>

export interface ListedConversation extends ShownConversation {
  /** Null without a contact */
  contactName: string | null
}

const columns = columnsOf(fields, 'c')

// The first is what the indexes have; it decides nothing that the second would not
const orders = {
  created: { inner: Prisma.raw('c.id DESC'), outer: Prisma.raw('id DESC') },
  activity: {
    inner: Prisma.raw('c.active_at DESC, c.last_message_at DESC, c.id DESC'),
    outer: Prisma.raw('"activeAt" DESC, "lastMessageAt" DESC, id DESC'),
  },
}

/**
 * The first rows of each source, by its index, and of those the first. One query over everything that a caller may see
 * has no index: the database would read and sort it all. With the names of the contacts: to ask for them apart would be one
 * more round trip.
 */
export async function listConversations(tx: OrgTx, list: List): Promise<ListedConversation[]> {
  const { inner, outer } = orders[list.sort]
  const sources = list.sources.flatMap((source) => {
    const conditions = conditionsOf(source, list)
    if (conditions === null) return []
    const rows = rowsOf(tx, source, { conditions, list })
    return Prisma.sql`(SELECT ${columns} FROM ${rows} ORDER BY ${inner} LIMIT ${list.take})`
  })
  if (sources.length === 0) return []
  return tx.$queryRaw<ListedConversation[]>`
    SELECT *, (SELECT name FROM contacts WHERE org_id = ${tx.orgId}::uuid AND id = page."contactId") AS "contactName"
    FROM (SELECT * FROM (${Prisma.join(sources, ' UNION ALL ')}) found ORDER BY ${outer} LIMIT ${list.take}) page
    ORDER BY ${outer}`
}

function rowsOf(
  tx: OrgTx,
  { queueIds, closedSince }: Source,
  { conditions, list }: { conditions: Prisma.Sql; list: List },
): Prisma.Sql {
  const all = Prisma.sql`${tableFor(list)} c WHERE c.org_id = ${tx.orgId}::uuid ${conditions}`
  // The first of each queue, by its index, however many the queues are
  if (queueIds)
    return Prisma.sql`unnest(${[...queueIds]}::uuid[]) AS queue(id) CROSS JOIN LATERAL (
      SELECT * FROM ${all} AND c.queue_id = queue.id ORDER BY ${orders[list.sort].inner} LIMIT ${list.take}) c`
  // Found before they are put in order. What was closed since a time is few, and has its index; PostgreSQL reckons with a
  // third of all, and would go through everything in the order of the list (OFFSET 0 keeps it from that)
  return closedSince ? Prisma.sql`(SELECT * FROM ${all} OFFSET 0) c` : all
}

/** The first page without filters is what agents look at all day, and kept prepared; the rest varies too much for it. */
const tableFor = ({ filters, after }: List): Prisma.Sql =>
  Prisma.raw(
    after || ofFilters(filters).some(Boolean) || filters.status
      ? neverPrepared('conversations')
      : 'conversations',
  )

/** Null where nothing can fulfil them. */
function conditionsOf(source: Source, { filters, after }: List): Prisma.Sql | null {
  if (filters.status && source.statuses && !source.statuses.includes(filters.status)) return null
  if (filters.queueId && source.queueIds?.includes(filters.queueId) === false) return null
  const statuses = filters.status ? [filters.status] : source.statuses
  // Nobody has what is open
  if ((source.agentId || source.transferAgentId) && statuses?.every((status) => status === 'open'))
    return null
  return joined([
    ...ofSource(source),
    ...ofFilters(filters),
    statuses && among(statuses),
    after && behind(after),
  ])
}

type Condition = Prisma.Sql | null | undefined

const ofSource = ({ agentId, transferAgentId, closedSince, ...not }: Source): Condition[] => [
  agentId === undefined ? null : Prisma.sql`c.agent_id = ${agentId}::uuid`,
  transferAgentId === undefined ? null : Prisma.sql`c.transfer_agent_id = ${transferAgentId}::uuid`,
  not.ids && Prisma.sql`c.id = ANY (${[...not.ids]}::uuid[])`,
  not.notToCome === undefined
    ? null
    : Prisma.sql`c.transfer_agent_id IS DISTINCT FROM ${not.notToCome}::uuid`,
  not.notOf === undefined ? null : Prisma.sql`c.agent_id IS DISTINCT FROM ${not.notOf}::uuid`,
  not.notInQueues && Prisma.sql`(c.queue_id IS NULL OR c.queue_id <> ALL (${[...not.notInQueues]}::uuid[]))`,
  closedSince && Prisma.sql`c.closed_at >= ${closedSince}`,
]

const ofFilters = ({ contactId, customerAddresses, workstreamId, queueId }: Filters): Condition[] => [
  contactId === undefined ? null : Prisma.sql`c.contact_id = ${contactId}::uuid`,
  customerAddresses && Prisma.sql`c.customer_address IN (${Prisma.join([...customerAddresses])})`,
  workstreamId === undefined ? null : Prisma.sql`c.workstream_id = ${workstreamId}::uuid`,
  queueId === undefined ? null : Prisma.sql`c.queue_id = ${queueId}::uuid`,
]

/** Written out: that an index's WHERE holds is not known of a parameter. */
const among = (statuses: readonly ConversationStatus[]): Prisma.Sql =>
  Prisma.raw(`c.status IN (${statuses.map((status) => `'${status}'`).join(', ')})`)

const behind = ({ id, lastMessageAt, activeAt }: After): Prisma.Sql =>
  lastMessageAt === undefined
    ? Prisma.sql`c.id < ${id}::uuid`
    : Prisma.sql`c.active_at <= ${activeAt} AND (c.last_message_at, c.id) < (${lastMessageAt}, ${id}::uuid)`

const joined = (conditions: readonly Condition[]): Prisma.Sql => {
  const given = conditions.flatMap((condition) => (condition ? [Prisma.sql`AND ${condition}`] : []))
  return given.length === 0 ? Prisma.empty : Prisma.join(given, ' ')
}
