import type { OrgTx } from '../db/database.js'
import type { Channel, Conversation, ProviderName } from '../db/generated/client.js'
import { notFound } from '../lib/errors.js'
import type { AssignmentMethod } from './choose-agent.js'

/** What of a workstream and a queue decides who is offered a conversation. */
export interface AssignmentTerms {
  units: number
  skillMatching: 'exact' | 'closest' | 'none'
  distribution: 'push' | 'pick'
  keepSameAgent: boolean
  method: AssignmentMethod
  /** Of agents who may be offered it */
  presences: string[]
}

export async function findAssignmentTerms(
  tx: OrgTx,
  { workstreamId, queueId }: { workstreamId: string; queueId: string },
): Promise<AssignmentTerms | null> {
  const [row] = await tx.$queryRaw<AssignmentTerms[]>`
    SELECT w.capacity_units AS units, w.skill_matching::text AS "skillMatching", w.distribution::text,
      w.keep_same_agent AS "keepSameAgent", q.assignment::text AS method,
      w.allowed_presences AS presences
    FROM workstreams w JOIN queues q ON q.org_id = w.org_id AND q.id = ${queueId}::uuid
    WHERE w.org_id = ${tx.orgId}::uuid AND w.id = ${workstreamId}::uuid`
  return row ?? null
}

export interface Door {
  address: string
  provider: ProviderName
  language: string
}

/** A number at which customers reach this workstream; null where it has none. */
export async function findDoor(
  tx: OrgTx,
  { workstreamId, channel, isBuiltIn }: { workstreamId: string; channel: Channel; isBuiltIn: boolean },
): Promise<Door | null> {
  const [row] = await tx.$queryRaw<Door[]>`
    SELECT n.address, a.provider::text, coalesce(c.language, 'en-US') AS language
    FROM channel_numbers n
    JOIN channel_accounts a ON a.org_id = n.org_id AND a.id = n.account_id
    LEFT JOIN workstream_channels c ON c.org_id = n.org_id AND c.number_id = n.id
    WHERE n.org_id = ${tx.orgId}::uuid AND n.deleted_at IS NULL AND n.channel = ${channel}::channel
      AND (c.workstream_id = ${workstreamId}::uuid OR (${isBuiltIn} AND c.id IS NULL))
    ORDER BY n.id LIMIT 1`
  return row ?? null
}

export async function getConversation(tx: OrgTx, id: string): Promise<Conversation> {
  const row = await tx.conversation.findFirst({ where: { id } })
  if (!row) throw notFound('conversation')
  return row
}

export async function hasMembers(tx: OrgTx, queueId: string): Promise<boolean> {
  return (await tx.queueMember.findFirst({ where: { queueId }, select: { agentId: true } })) !== null
}

export async function findAgentNames(tx: OrgTx, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await tx.$queryRaw<{ id: string; name: string }[]>`
    SELECT id, name FROM agents WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(ids)]}::uuid[])`
  return new Map(rows.map(({ id, name }) => [id, name]))
}
