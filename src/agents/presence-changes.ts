import type { OrgTx } from '../db/database.js'
import { gathered } from '../db/gathered.js'
import { emit } from '../events/outbox.js'
import { presentAgent } from './present.js'
import type { Presence } from './repository.js'

/** What an update of an agent's row answers: the presence before and after it. */
export interface PresenceStep {
  id: string
  before: Presence
  after: Presence
}

/** The ids of agents */
const changed = gathered<string>()

/** Remembers whose presence has changed, for `announcePresence`. */
export function notePresence(tx: OrgTx, steps: readonly PresenceStep[]): void {
  changed(tx).push(...steps.filter(({ before, after }) => before !== after).map(({ id }) => id))
}

/** Says whose presence has changed since the last time in this unit of work; nothing is asked where nobody's has. */
export async function announcePresence(tx: OrgTx, now: Date): Promise<void> {
  const ids = [...new Set(changed(tx).splice(0))]
  if (ids.length === 0) return
  const agents = await tx.agent.findMany({ where: { id: { in: ids } } })
  emit(
    tx,
    agents.map((agent) => ({
      type: 'agent.presence_changed' as const,
      at: now,
      queueId: null,
      agentIds: [agent.id],
      data: { agent: presentAgent(agent) },
    })),
  )
}

/**
 * What follows from a refused or a missed offer, where the organization wants that: the agent is not asked again until they,
 * or a supervisor, say so. Leaves alone who has set another presence meanwhile.
 */
export async function withdrawFromWork(
  tx: OrgTx,
  { rejectedBy, missedBy }: { rejectedBy: readonly string[]; missedBy: readonly string[] },
  now: Date,
): Promise<void> {
  if (rejectedBy.length + missedBy.length === 0) return
  const settings = await tx.presenceSettings.findFirst()
  if (settings?.doNotDisturbOnReject) await setAside(tx, rejectedBy, 'do_not_disturb', now)
  if (settings?.inactiveOnMissedOffer) await setAside(tx, missedBy, 'inactive', now)
}

async function setAside(tx: OrgTx, ids: readonly string[], presence: Presence, now: Date): Promise<void> {
  if (ids.length === 0) return
  const steps = await tx.$queryRaw<PresenceStep[]>`
    UPDATE agents a SET presence = ${presence}::presence, presence_is_automatic = false, presence_status_id = NULL,
      presence_changed_at = ${now}, updated_at = ${now}
    FROM (
      SELECT id, presence FROM agents
      WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(ids)]}::uuid[]) ORDER BY id FOR NO KEY UPDATE
    ) old
    WHERE a.org_id = ${tx.orgId}::uuid AND a.id = old.id
      AND (a.presence IN ('available', 'busy') OR a.presence_is_automatic)
    RETURNING a.id, old.presence::text AS before, a.presence::text AS after`
  notePresence(tx, steps)
}
