import type { Database } from '../db/database.js'
import type { AccessChange } from '../events/event-types.js'
import { recordAudit } from '../identity/audit.js'
import { findLiveRole } from '../identity/repository.js'
import type { OrgCaller } from '../lib/caller.js'
import { type Clock, seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import { findQueuesOf } from './repository.js'

interface Heard {
  type: string
  queueId: string | null
  toMembers: boolean
  agentIds: string[]
  /** JSON */
  data: string
}

interface Parts {
  db: Database
  clock: Clock
  log: Logger
}

// A change of an agent's queues and the end of a token reach an open stream within this time
const refreshInterval = seconds(5)

/**
 * What a caller hears: admins everything, supervisors what concerns their queues, agents their own conversations, what
 * is open in their queues, and themselves. And nothing any more from the event on that says that the key was revoked, that
 * the role is another one, or that the organization was suspended.
 */
export class Audiences {
  constructor(private readonly parts: Parts) {}

  of = async (
    caller: OrgCaller,
    onAccessLost: () => void,
  ): Promise<{ hears: (event: Heard) => boolean; end: () => void }> => {
    const { db, log } = this.parts
    let queueIds = new Set<string>()
    let isLost = false
    const lose = () => {
      isLost = true
      onAccessLost()
    }
    const look = async () => {
      const now = await db.inOrg(caller.orgId, async (tx) => ({
        role: await findLiveRole(tx, caller.keyId, this.parts.clock.now()),
        queueIds: caller.agentId ? await findQueuesOf(tx, caller.agentId) : new Set<string>(),
      }))
      queueIds = now.queueIds
      if (now.role !== caller.role) lose()
    }
    await db.inOrg(caller.orgId, (tx) =>
      recordAudit(tx, caller, {
        action: 'organization.events_opened',
        subjectId: caller.orgId,
        at: this.parts.clock.now(),
      }),
    )
    await look()
    const timer = setInterval(() => {
      look().catch((error) =>
        log.warn({ err: error }, 'what an open stream may hear was not read, it repeats'),
      )
    }, refreshInterval)
    const hears = (event: Heard) => {
      if (event.type === 'access.changed' && concerns(event, caller)) lose()
      return !isLost && isFor(event, caller, queueIds)
    }
    return { hears, end: () => clearInterval(timer) }
  }
}

function concerns({ data }: Heard, caller: OrgCaller): boolean {
  const { keyId, agentId } = (JSON.parse(data) as { access: AccessChange }).access
  if (keyId) return keyId === caller.keyId
  return agentId === undefined || agentId === caller.agentId
}

function isFor(event: Heard, { role, agentId }: OrgCaller, queueIds: Set<string>): boolean {
  if (role === 'admin' || !agentId) return true
  return (
    event.agentIds.includes(agentId) ||
    (role === 'supervisor' && event.type === 'agent.presence_changed') ||
    (event.queueId !== null && queueIds.has(event.queueId) && (event.toMembers || role === 'supervisor'))
  )
}
