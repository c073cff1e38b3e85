import { findGone, lockGone } from '../agents/connection-repository.js'
import { findPresenceSettings } from '../agents/presence-repository.js'
import type { OrgTx } from '../db/database.js'
import type { Take } from '../db/row-by-row.js'
import { later, minutes } from '../lib/clock.js'
import { phaseOf } from './lifecycle.js'
import { lockConversations } from './repository.js'
import type { ConversationService } from './service.js'

const agentsAtOnce = 100

interface Parts {
  conversations: ConversationService
  /** When this process began: nobody could come back before */
  startedAt: Date
  now: Date
}

/**
 * Takes what agents have accepted who have been without a connection for too long back to its queues, and answers how many
 * conversations it looked at (domain.md 2.2, row 6). A transfer that awaits its answer is left until it has one; what waits
 * or is in wrap-up stays.
 */
export async function reclaimWork(
  tx: OrgTx,
  take: Take,
  { conversations, startedAt, now }: Parts,
): Promise<number> {
  const gone = await findGone(tx, now, agentsAtOnce)
  if (gone.length === 0) return 0
  const { reclaimWorkAfterMinutes } = await findPresenceSettings(tx)
  if (later(startedAt, minutes(reclaimWorkAfterMinutes ?? 0)) > now) return 0
  const ids = await findWorkOf(tx, gone, take)
  take.took(ids)
  const rows = await lockConversations(tx, ids)
  const still = await lockGone(tx, gone, now)
  const theirs = rows.filter((row) => phaseOf(row) === 'active' && still.has(row.agentId ?? ''))
  await conversations.changeAll(tx, theirs, { type: 'agent_left' }, now)
  await forgetIdle(tx, [...still])
  return rows.length
}

/** Accepted, and not about to be transferred. */
async function findWorkOf(
  tx: OrgTx,
  agentIds: readonly string[],
  { limit, except }: Take,
): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT c.id FROM conversations c
    WHERE c.org_id = ${tx.orgId}::uuid AND c.agent_id = ANY(${[...agentIds]}::uuid[]) AND c.status IN ('active')
      AND c.accepted_at IS NOT NULL AND c.transfer_agent_id IS NULL AND c.id <> ALL (${except}::uuid[])
    ORDER BY c.id LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/** Agents who have nothing accepted any more are done with. */
async function forgetIdle(tx: OrgTx, agentIds: readonly string[]): Promise<void> {
  await tx.$executeRaw`
    UPDATE agents a SET work_leaves_at = NULL
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = ANY(${[...agentIds]}::uuid[]) AND NOT EXISTS (
      SELECT 1 FROM conversations c
      WHERE c.org_id = a.org_id AND c.agent_id = a.id AND c.status IN ('active') AND c.accepted_at IS NOT NULL)`
}
