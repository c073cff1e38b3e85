import type { Database } from '../db/database.js'
import type { AccessChange } from '../events/event-types.js'
import { recordAudit } from '../identity/audit.js'
import { findLiveRoles } from '../identity/repository.js'
import type { OrgCaller } from '../lib/caller.js'
import { type Clock, seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import { findQueuesOfAll } from './repository.js'

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

/** An open stream: who listens, and what may have changed of them since it was opened. */
interface Listener {
  readonly caller: OrgCaller
  readonly onAccessLost: () => void
  queueIds: ReadonlySet<string>
  isLost: boolean
}

/**
 * What a caller hears: admins everything, supervisors what concerns their queues, agents their own conversations, what
 * is open in their queues, and themselves. And nothing any more from the event on that says that the key was revoked, that
 * the role is another one, or that the organization was suspended.
 */
export class Audiences {
  private readonly listening = new Map<string, Set<Listener>>()
  private timer: NodeJS.Timeout | null = null
  private isLooking = false

  constructor(private readonly parts: Parts) {}

  of = async (
    caller: OrgCaller,
    onAccessLost: () => void,
  ): Promise<{ hears: (event: Heard) => boolean; end: () => void }> => {
    const listener: Listener = { caller, onAccessLost, queueIds: new Set(), isLost: false }
    await this.parts.db.inOrg(caller.orgId, (tx) =>
      recordAudit(tx, caller, {
        action: 'organization.events_opened',
        subjectId: caller.orgId,
        at: this.parts.clock.now(),
      }),
    )
    await this.look(caller.orgId, [listener])
    this.add(listener)
    const hears = (event: Heard) => {
      if (event.type === 'access.changed' && concerns(event, caller)) lose(listener)
      return !listener.isLost && isFor(event, caller, listener.queueIds)
    }
    return { hears, end: () => this.remove(listener) }
  }

  private add(listener: Listener): void {
    const { orgId } = listener.caller
    this.listening.set(orgId, (this.listening.get(orgId) ?? new Set()).add(listener))
    this.timer ??= setInterval(() => void this.lookAtAll(), refreshInterval)
  }

  private remove(listener: Listener): void {
    const { orgId } = listener.caller
    const others = this.listening.get(orgId)
    others?.delete(listener)
    if (others?.size === 0) this.listening.delete(orgId)
    if (this.listening.size > 0 || !this.timer) return
    clearInterval(this.timer)
    this.timer = null
  }

  private async lookAtAll(): Promise<void> {
    if (this.isLooking) return
    this.isLooking = true
    for (const [orgId, listeners] of this.listening) {
      await this.look(orgId, [...listeners]).catch((error) =>
        this.parts.log.warn({ err: error, orgId }, 'what open streams may hear was not read, it repeats'),
      )
    }
    this.isLooking = false
  }

  /** What these streams of one organization may hear from now on, in one unit of work however many they are. */
  private async look(orgId: string, listeners: readonly Listener[]): Promise<void> {
    const { db, clock } = this.parts
    const keyIds = listeners.map(({ caller }) => caller.keyId)
    const agentIds = listeners.flatMap(({ caller }) => caller.agentId ?? [])
    const [roles, queues] = await db.inOrg(orgId, (tx) =>
      Promise.all([findLiveRoles(tx, keyIds, clock.now()), findQueuesOfAll(tx, agentIds)]),
    )
    for (const listener of listeners) {
      const { keyId, agentId, role } = listener.caller
      listener.queueIds = queues.get(agentId ?? '') ?? new Set()
      if (roles.get(keyId) !== role) lose(listener)
    }
  }
}

function lose(listener: Listener): void {
  listener.isLost = true
  listener.onAccessLost()
}

function concerns({ data }: Heard, caller: OrgCaller): boolean {
  const { keyId, agentId } = (JSON.parse(data) as { access: AccessChange }).access
  if (keyId) return keyId === caller.keyId
  return agentId === undefined || agentId === caller.agentId
}

function isFor(event: Heard, { role, agentId }: OrgCaller, queueIds: ReadonlySet<string>): boolean {
  if (role === 'admin' || !agentId) return true
  return (
    event.agentIds.includes(agentId) ||
    (role === 'supervisor' && event.type === 'agent.presence_changed') ||
    (event.queueId !== null && queueIds.has(event.queueId) && (event.toMembers || role === 'supervisor'))
  )
}
