import type { OrgTx } from '../db/database.js'
import type { Prisma, Queue } from '../db/generated/client.js'
import { idPattern, olderThan, type PageRequest, readCursor } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'
import type { Overflow } from './overflow.js'
import type { MemberRow } from './present.js'

export type QueueFields = Pick<
  Queue,
  'name' | 'priority' | 'assignment' | 'serviceLevelSeconds' | 'operatingHoursId'
> & { overflow: Overflow }

/** Where a field is absent it takes its default. */
export async function insertQueue(
  tx: OrgTx,
  fields: Pick<QueueFields, 'name'> & Partial<QueueFields> & { isDefault: boolean },
  now: Date,
): Promise<Queue> {
  return tx.queue.create({
    data: { ...stored(fields), orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now },
  })
}

export async function getQueue(tx: OrgTx, id: string): Promise<Queue> {
  const row = await tx.queue.findFirst({ where: { id } })
  if (!row) throw notFound('queue')
  return row
}

export async function getDefaultQueue(tx: OrgTx): Promise<Queue> {
  return tx.queue.findFirstOrThrow({ where: { isDefault: true } })
}

/** Which of these queues exist. */
export async function findQueueIds(tx: OrgTx, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.queue.findMany({ where: { id: { in: [...new Set(ids)] } }, select: { id: true } })
  return new Set(rows.map(({ id }) => id))
}

export async function listQueues(tx: OrgTx, page: PageRequest): Promise<Queue[]> {
  return tx.queue.findMany({ where: olderThan(page), orderBy: { id: 'desc' }, take: page.limit + 1 })
}

export async function updateQueue(
  tx: OrgTx,
  id: string,
  change: Partial<QueueFields>,
  now: Date,
): Promise<void> {
  await tx.queue.updateMany({ where: { id }, data: { ...stored(change), updatedAt: now } })
}

const stored = <Fields extends { overflow?: Overflow }>({ overflow, ...fields }: Fields) => ({
  ...fields,
  ...(overflow && { overflow: overflow as unknown as Prisma.InputJsonObject }),
})

/** With its memberships. */
export async function deleteQueue(tx: OrgTx, id: string): Promise<void> {
  await tx.queue.deleteMany({ where: { id } })
}

/** What still leads work to a queue, for people. */
export async function findQueueUses(tx: OrgTx, queueId: string): Promise<string[]> {
  const [fallbackOf, ruleOf] = [
    await tx.workstream.findMany({ where: { fallbackQueueId: queueId }, select: { name: true }, take: 5 }),
    await tx.$queryRaw<{ name: string }[]>`
      SELECT name FROM routing_rules
      WHERE org_id = ${tx.orgId}::uuid AND (queue_id = ${queueId}::uuid OR strpos(allocation::text, ${queueId}) > 0) LIMIT 5`,
  ]
  const overflowOf = await tx.$queryRaw<{ name: string }[]>`
    SELECT name FROM queues WHERE org_id = ${tx.orgId}::uuid AND strpos(overflow::text, ${queueId}) > 0 LIMIT 5`
  return [
    ...overflowOf.map(({ name }) => `the queue "${name}" overflows into it`),
    ...fallbackOf.map(({ name }) => `it is the fallback queue of the workstream "${name}"`),
    ...ruleOf.map(({ name }) => `the routing rule "${name}" leads to it`),
  ]
}

const millisecondsPattern = /^\d{1,13}$/

export const memberKey = ({ addedAt, agentId }: MemberRow): string[] => [String(addedAt.getTime()), agentId]

/** The newest membership first; one more than the page holds. */
export async function listMembers(tx: OrgTx, queueId: string, page: PageRequest): Promise<MemberRow[]> {
  const cursor = readCursor(page.cursor, [millisecondsPattern, idPattern])
  const [milliseconds = '0', agentId = queueId] = cursor ?? []
  return tx.$queryRaw<MemberRow[]>`
    SELECT m.agent_id AS "agentId", m.created_at AS "addedAt", a.name, a.role::text, a.presence::text
    FROM queue_members m JOIN agents a ON a.org_id = m.org_id AND a.id = m.agent_id
    WHERE m.queue_id = ${queueId}::uuid
      AND (${cursor === null} OR (m.created_at, m.agent_id) < (${new Date(Number(milliseconds))}, ${agentId}::uuid))
    ORDER BY m.created_at DESC, m.agent_id DESC LIMIT ${page.limit + 1}`
}

interface Membership {
  queueId: string
  agentId: string
}

export async function insertMember(tx: OrgTx, { queueId, agentId }: Membership, now: Date): Promise<boolean> {
  const added = await tx.queueMember.createMany({
    data: [{ orgId: tx.orgId, queueId, agentId, createdAt: now }],
    skipDuplicates: true,
  })
  // From now on its conversations meet somebody
  await tx.queue.updateMany({
    where: { id: queueId, withoutMembersSince: { not: null } },
    data: { withoutMembersSince: null },
  })
  return added.count > 0
}

export async function deleteMember(tx: OrgTx, { queueId, agentId }: Membership): Promise<boolean> {
  const removed = await tx.queueMember.deleteMany({ where: { queueId, agentId } })
  return removed.count > 0
}

/** Where nobody is left in it: from now on that is known. Null where it was known, or somebody is left. */
export async function noteEmptyQueue(
  tx: OrgTx,
  id: string,
  now: Date,
): Promise<{ id: string; name: string } | null> {
  const [row] = await tx.$queryRaw<{ id: string; name: string }[]>`
    UPDATE queues SET without_members_since = ${now}
    WHERE org_id = ${tx.orgId}::uuid AND id = ${id}::uuid AND without_members_since IS NULL
      AND NOT EXISTS (SELECT 1 FROM queue_members m WHERE m.org_id = queues.org_id AND m.queue_id = queues.id)
    RETURNING id, name`
  return row ?? null
}

export async function hasAgent(tx: OrgTx, id: string): Promise<boolean> {
  return (await tx.agent.count({ where: { id } })) > 0
}
