import type { OrgTx } from '../db/database.js'
import { type Conversation, Prisma } from '../db/generated/client.js'
import type { OrgCaller } from '../lib/caller.js'
import { AppError, notFound } from '../lib/errors.js'
import { findQueuesOf } from './repository.js'

/** What of a caller decides what they may see. */
export type Person = Pick<OrgCaller, 'role' | 'agentId'>

/** Whose conversations a caller may see: all, or those of these queues and their own. */
export type Sight =
  | { kind: 'all' }
  | { kind: 'queues'; queueIds: Set<string>; agentId: string }
  | { kind: 'agent'; agentId: string; queueIds: Set<string> }

/**
 * Admins see everything; so does a supervisor's key that names no agent (server to server). A supervisor sees the
 * conversations of their queues, an agent their own and what is open or waiting in their queues (api.md 2); both what is
 * about to be transferred to them, and where they take part or are asked to.
 */
export async function sightOf(tx: OrgTx, caller: Person): Promise<Sight> {
  const { role, agentId } = caller
  if (role === 'admin' || (role === 'supervisor' && !agentId)) return { kind: 'all' }
  const queueIds = agentId ? await findQueuesOf(tx, agentId) : new Set<string>()
  return { kind: role === 'supervisor' ? 'queues' : 'agent', agentId: agentId ?? '', queueIds }
}

/** Whether something of it is the agent's: they consult on it, or are asked to, or are to take it over. */
const concerns = ({ transferAgentId, participantIds, invitedIds }: Conversation, agentId: string): boolean =>
  transferAgentId === agentId || participantIds.includes(agentId) || invitedIds.includes(agentId)

function canSee(sight: Sight, row: Conversation): boolean {
  if (sight.kind === 'all' || concerns(row, sight.agentId)) return true
  const { agentId, queueId, status } = row
  const isInQueues = queueId !== null && sight.queueIds.has(queueId)
  if (sight.kind === 'queues') return isInQueues
  return agentId === sight.agentId || ((status === 'open' || status === 'waiting') && isInQueues)
}

/** The same as a condition on conversations `c` of a query of one's own. */
export function canSeeSql(sight: Sight): Prisma.Sql {
  if (sight.kind === 'all') return Prisma.sql`TRUE`
  const inQueues = Prisma.sql`c.queue_id = ANY (${[...sight.queueIds]}::uuid[])`
  const { agentId } = sight
  const concern = Prisma.sql`(c.transfer_agent_id = ${agentId}::uuid OR ${agentId}::uuid = ANY (c.participant_ids || c.invited_ids))`
  if (sight.kind === 'queues') return Prisma.sql`(${inQueues} OR ${concern})`
  return Prisma.sql`(c.agent_id = ${agentId}::uuid OR ${concern} OR (c.status IN ('open', 'waiting') AND ${inQueues}))`
}

/** Whether the caller may try to work on it, and so may learn that another agent was first. */
const mayTry = (sight: Sight, row: Conversation): boolean =>
  canSee(sight, row) || (sight.kind !== 'all' && row.queueId !== null && sight.queueIds.has(row.queueId))

export async function assertCanSee(tx: OrgTx, caller: Person, row: Conversation): Promise<void> {
  if (!canSee(await sightOf(tx, caller), row)) throw notFound('conversation')
}

/** Whoever only consults or monitors reads, and changes nothing. */
export async function assertMayChange(tx: OrgTx, caller: OrgCaller, row: Conversation): Promise<void> {
  await assertCanSee(tx, caller, row)
  const { agentId, role } = caller
  if (role === 'agent' && agentId && row.agentId !== agentId && concerns(row, agentId))
    throw new AppError(
      'forbidden',
      'You take part in this conversation and do not have it: you may read it only.',
    )
}

export async function assertMayTry(tx: OrgTx, caller: OrgCaller, row: Conversation): Promise<void> {
  if (!mayTry(await sightOf(tx, caller), row)) throw notFound('conversation')
}

/** The agent that a caller works as. Keys of admins and supervisors that name no agent cannot work conversations. */
export function agentOf(caller: OrgCaller): string {
  if (caller.agentId) return caller.agentId
  throw new AppError(
    'forbidden',
    'Only an agent can do this. Use an agent token, or an API key that names an agent.',
  )
}
