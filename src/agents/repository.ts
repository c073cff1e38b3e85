import type { OrgTx } from '../db/database.js'
import type { Agent } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { given } from '../lib/given.js'
import { newId } from '../lib/ids.js'
import { findPresenceSettings } from './presence-repository.js'

export type Presence = Agent['presence']

type Fields = Pick<Agent, 'name' | 'email' | 'role' | 'capacityUnits'>

export async function insertAgent(tx: OrgTx, fields: Fields, now: Date): Promise<Agent> {
  const { sessionsPerAgent } = await findPresenceSettings(tx)
  return tx.agent.create({
    data: {
      ...fields,
      orgId: tx.orgId,
      id: newId(),
      sessionLimit: sessionsPerAgent,
      presenceChangedAt: now,
      createdAt: now,
      updatedAt: now,
    },
  })
}

export async function getAgent(tx: OrgTx, id: string): Promise<Agent> {
  const row = await tx.agent.findFirst({ where: { id } })
  if (!row) throw notFound('agent')
  return row
}

export async function listAgents(tx: OrgTx, page: PageRequest): Promise<Agent[]> {
  return tx.agent.findMany({ where: olderThan(page), orderBy: { id: 'desc' }, take: page.limit + 1 })
}

export async function updateAgent(
  tx: OrgTx,
  id: string,
  change: { [Name in 'name' | 'email' | 'role']: Fields[Name] | undefined } & {
    defaultPresence: Presence | null | undefined
  },
  now: Date,
): Promise<void> {
  await tx.agent.updateMany({ where: { id }, data: { ...given(change), updatedAt: now } })
}

/** What the agent has beyond a lowered capacity is written down as overcommitted; a raised one takes it in again. */
export async function updateCapacity(tx: OrgTx, id: string, capacityUnits: number): Promise<void> {
  await tx.$executeRaw`
    UPDATE agents SET capacity_units = ${capacityUnits},
      overcommitted_units = greatest(0, used_units - ${capacityUnits})
    WHERE id = ${id}::uuid`
}

/** What a person sets. False where it is what it was. */
export async function updatePresence(
  tx: OrgTx,
  id: string,
  { presence, statusId }: { presence: Presence; statusId: string | null },
  now: Date,
): Promise<boolean> {
  await tx.$executeRaw`
    UPDATE agents a SET presence_is_automatic = false, offline_by_loss = false, connection_lost_at = NULL,
      presence_before_loss = NULL, work_leaves_at = CASE WHEN ${presence === 'offline'} THEN work_leaves_at END,
      works_by_stream = EXISTS (SELECT 1 FROM agent_connections c WHERE c.org_id = a.org_id AND c.agent_id = a.id)
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = ${id}::uuid`
  const changed = await tx.agent.updateMany({
    where: {
      id,
      OR: [
        { presence: { not: presence } },
        statusId === null ? { presenceStatusId: { not: null } } : notWith(statusId),
      ],
    },
    data: { presence, presenceStatusId: statusId, presenceChangedAt: now, updatedAt: now },
  })
  return changed.count > 0
}

const notWith = (statusId: string) => ({
  OR: [{ presenceStatusId: null }, { presenceStatusId: { not: statusId } }],
})
