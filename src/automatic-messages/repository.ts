import type { OrgTx } from '../db/database.js'
import type { AutomaticMessage, Channel, Prisma } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { later, minutes } from '../lib/clock.js'
import { notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'
import type { Texts } from './texts.js'
import { mostLately, type Trigger } from './triggers.js'

export interface AutomaticMessageFields {
  channel: Channel
  workstreamChannelId: string | null
  trigger: Trigger
  active: boolean
  description: string | null
  defaultLanguage: string
  texts: Texts
}

export async function insertAutomaticMessage(
  tx: OrgTx,
  fields: AutomaticMessageFields,
  now: Date,
): Promise<AutomaticMessage> {
  const data = { ...fields, orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now }
  return tx.automaticMessage.create({ data })
}

export async function getAutomaticMessage(tx: OrgTx, id: string): Promise<AutomaticMessage> {
  const row = await tx.automaticMessage.findFirst({ where: { id } })
  if (!row) throw notFound('automatic message')
  return row
}

export async function listAutomaticMessages(
  tx: OrgTx,
  { channel, ...page }: PageRequest & { channel?: Channel | undefined },
): Promise<AutomaticMessage[]> {
  return tx.automaticMessage.findMany({
    where: { ...olderThan(page), ...(channel && { channel }) },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  })
}

export async function updateAutomaticMessage(
  tx: OrgTx,
  id: string,
  change: Partial<AutomaticMessageFields>,
  now: Date,
): Promise<void> {
  const data: Prisma.AutomaticMessageUncheckedUpdateManyInput = { ...change, updatedAt: now }
  await tx.automaticMessage.updateMany({ where: { id }, data })
}

export async function deleteAutomaticMessage(tx: OrgTx, id: string): Promise<void> {
  await tx.automaticMessage.deleteMany({ where: { id } })
}

/** The channel of a number that was put into a workstream; null where there is none such. It stays meanwhile. */
export async function holdWorkstreamChannel(tx: OrgTx, id: string): Promise<Channel | null> {
  const [row] = await tx.$queryRaw<{ channel: Channel }[]>`
    SELECT n.channel::text FROM workstream_channels c JOIN channel_numbers n ON n.org_id = c.org_id AND n.id = c.number_id
    WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ${id}::uuid FOR KEY SHARE OF c`
  return row?.channel ?? null
}

export async function findActiveTriggers(tx: OrgTx): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ trigger: string }[]>`
    SELECT DISTINCT trigger FROM automatic_messages WHERE org_id = ${tx.orgId}::uuid AND active`
  return new Set(rows.map(({ trigger }) => trigger))
}

export type Candidate = Pick<
  AutomaticMessage,
  'channel' | 'workstreamChannelId' | 'trigger' | 'active' | 'defaultLanguage' | 'texts'
>

/** On both levels, inactive ones too: one of a number keeps back that of its channel. */
export async function findMessagesFor(tx: OrgTx, wanted: readonly Trigger[]): Promise<Candidate[]> {
  return tx.$queryRaw<Candidate[]>`
    SELECT channel::text, workstream_channel_id AS "workstreamChannelId", trigger, active,
      default_language AS "defaultLanguage", texts
    FROM automatic_messages WHERE org_id = ${tx.orgId}::uuid AND trigger = ANY(${[...wanted]}::text[])`
}

/** Around a conversation, what decides whether and what is said in it. */
export interface Surroundings {
  conversationId: string
  workstreamChannelId: string | null
  /** The workstream's switch */
  isSwitchedOn: boolean
  queueName: string | null
  queueHasMembers: boolean
  numberHoursId: string | null
  queueHoursId: string | null
  /** The customer's last message */
  lastText: string | null
  lastDetails: Record<string, string> | null
  lastRecovered: boolean | null
  /** Automatic messages to this customer, in the last minutes and in the last day */
  lately: number
  today: number
}

const day = minutes(24 * 60)

export async function findSurroundings(
  tx: OrgTx,
  conversationIds: readonly string[],
  now: Date,
): Promise<Map<string, Surroundings>> {
  const [soon, dayAgo] = [later(now, -minutes(mostLately.minutes)), later(now, -day)]
  const rows = await tx.$queryRaw<Surroundings[]>`
    SELECT c.id AS "conversationId", p.id AS "workstreamChannelId", w.automatic_messages AS "isSwitchedOn",
      q.name AS "queueName", EXISTS (
        SELECT 1 FROM queue_members m WHERE m.org_id = c.org_id AND m.queue_id = c.queue_id) AS "queueHasMembers",
      p.operating_hours_id AS "numberHoursId", q.operating_hours_id AS "queueHoursId",
      last.text AS "lastText", last.details AS "lastDetails", last.recovered AS "lastRecovered", said.lately, said.today
    FROM conversations c
    JOIN workstreams w ON w.org_id = c.org_id AND w.id = c.workstream_id
    LEFT JOIN workstream_channels p ON p.org_id = c.org_id AND p.number_id = c.number_id
    LEFT JOIN queues q ON q.org_id = c.org_id AND q.id = c.queue_id
    LEFT JOIN LATERAL (
      SELECT m.text, m.details, m.recovered FROM messages m
      WHERE m.org_id = c.org_id AND m.conversation_id = c.id AND m.direction IN ('inbound')
      ORDER BY m.seq DESC LIMIT 1) last ON true
    CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE m.created_at > ${soon})::int AS lately, count(*)::int AS today
      FROM conversations o JOIN messages m ON m.org_id = o.org_id AND m.conversation_id = o.id
        AND m.created_at > ${dayAgo} AND m.direction IN ('outbound') AND m.author_type IN ('system')
      WHERE o.org_id = c.org_id AND o.customer_address = c.customer_address AND o.last_message_at > ${dayAgo}) said
    WHERE c.org_id = ${tx.orgId}::uuid AND c.id = ANY(${[...new Set(conversationIds)]}::uuid[])`
  return new Map(rows.map((row) => [row.conversationId, row]))
}

export async function findAgentNames(tx: OrgTx, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await tx.$queryRaw<{ id: string; name: string }[]>`
    SELECT id, name FROM agents WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(ids)]}::uuid[])`
  return new Map(rows.map(({ id, name }) => [id, name]))
}
