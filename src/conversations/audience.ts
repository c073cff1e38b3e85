import type { Database } from '../db/database.js'
import type { OrgCaller } from '../lib/caller.js'
import { seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import { findQueuesOf } from './repository.js'

interface Heard {
  type: string
  queueId: string | null
  toMembers: boolean
  agentIds: string[]
}

// A change of an agent's queues reaches an open stream within this time
const refreshInterval = seconds(5)

/**
 * What a caller hears: admins everything, supervisors what concerns their queues, agents their own conversations, what
 * is open in their queues, and themselves.
 */
export class Audiences {
  constructor(
    private readonly db: Database,
    private readonly log: Logger,
  ) {}

  of = async (caller: OrgCaller): Promise<{ hears: (event: Heard) => boolean; end: () => void }> => {
    const { agentId, role, orgId } = caller
    if (role === 'admin' || !agentId) return { hears: () => true, end: () => undefined }
    const load = () => this.db.inOrg(orgId, (tx) => findQueuesOf(tx, agentId))
    let queueIds = await load()
    const refresh = () =>
      load().then(
        (fresh) => {
          queueIds = fresh
        },
        (error) => this.log.warn({ err: error }, 'queues of an open stream not read, it repeats'),
      )
    const timer = setInterval(() => void refresh(), refreshInterval)
    const hears = (event: Heard) =>
      event.agentIds.includes(agentId) ||
      (role === 'supervisor' && event.type === 'agent.presence_changed') ||
      (event.queueId !== null && queueIds.has(event.queueId) && (event.toMembers || role === 'supervisor'))
    return { hears, end: () => clearInterval(timer) }
  }
}
