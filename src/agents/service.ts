import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import { isDuplicate } from '../db/faults.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { emit, emitAccessChange } from '../events/outbox.js'
import { recordAudit } from '../identity/audit.js'
import { changeTokenRole, issueKey } from '../identity/keys.js'
import { presentKey } from '../identity/present.js'
import type { OrgCaller, Role } from '../lib/caller.js'
import { type Clock, later, seconds } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { wakeRouting } from '../workstreams/wake-routing.js'
import { announcePresence, notePresence } from './presence-changes.js'
import { presentAgent } from './present.js'
import {
  getAgent,
  insertAgent,
  listAgents,
  type Presence,
  updateAgent,
  updateCapacity,
  updatePresence,
} from './repository.js'
import type { agentTokenSchema, changeAgentBody, createAgentBody, presenceBody } from './schemas.js'

type Shown = ReturnType<typeof presentAgent>

type GiveBack = (tx: OrgTx, agentId: string, now: Date) => Promise<void>

/** Agents, their tokens, capacity and presence. */
export class AgentService {
  /** @param giveBackOffers takes offers that the agent has not accepted back to their queues */
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly giveBackOffers: GiveBack,
  ) {}

  /** A new agent is offline and a member of no queue. */
  create(caller: OrgCaller, body: z.infer<typeof createAgentBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        const after = presentAgent(await insertAgent(tx, body, at))
        await recordAudit(tx, caller, { action: 'agent.created', subjectId: after.id, at, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? emailTaken(body.email) : error
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listAgents(tx, page), page)
      return { data: data.map(presentAgent), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => presentAgent(await getAgent(tx, id)))
  }

  /** Supervisors change the capacity and the default presence only. Work at hand stays with an agent whose capacity is lowered. */
  update(caller: OrgCaller, id: string, body: z.infer<typeof changeAgentBody>): Promise<Shown> {
    const { capacityUnits, defaultPresence, ...fields } = body
    if (caller.role !== 'admin' && Object.values(fields).some((value) => value !== undefined)) {
      throw new AppError(
        'forbidden',
        'Supervisors may change the capacity and the default presence of agents and nothing else.',
      )
    }
    const { name, email, role } = fields
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        await lockRow(tx, 'agents', id)
        const before = await getAgent(tx, id)
        await updateAgent(tx, id, { name, email, role, defaultPresence }, now)
        if (role && role !== before.role) {
          await changeTokenRole(tx, id, role)
          emitAccessChange(tx, now, { agentId: id })
        }
        if (capacityUnits !== undefined) {
          await updateCapacity(tx, id, capacityUnits)
          const { presence } = await getAgent(tx, id)
          notePresence(tx, [{ id, before: before.presence, after: presence }])
          await announcePresence(tx, now)
          wakeRouting(tx, now)
        }
        const after = presentAgent(await getAgent(tx, id))
        await recordAudit(tx, caller, {
          action: 'agent.changed',
          subjectId: id,
          at: now,
          before: presentAgent(before),
          after,
        })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? emailTaken(email ?? '') : error
      })
  }

  /** A token for the agent's own user interface. It carries the agent's role. */
  createToken(
    caller: OrgCaller,
    id: string,
    { ttlSeconds }: { ttlSeconds: number },
  ): Promise<z.infer<typeof agentTokenSchema>> {
    return this.db.inOrg(caller, async (tx) => {
      const { name, role } = await getAgent(tx, id)
      const now = this.clock.now()
      const expiresAt = later(now, seconds(ttlSeconds))
      const { row, key } = await issueKey(tx, {
        kind: 'agent_token',
        name,
        role,
        agentId: id,
        expiresAt,
        now,
      })
      await recordAudit(tx, caller, {
        action: 'agent.token_created',
        subjectId: id,
        at: now,
        after: presentKey(row),
      })
      return { id: row.id, token: key, expiresAt: expiresAt.toISOString() }
    })
  }

  /** Admins and supervisors for everybody, agents for themselves. */
  setPresence(caller: OrgCaller, id: string, wanted: z.infer<typeof presenceBody>): Promise<Shown> {
    if (caller.role === 'agent' && caller.agentId !== id) {
      throw new AppError('forbidden', 'Agents may set their own presence only.')
    }
    return this.db.inOrg(caller, async (tx) => {
      const now = this.clock.now()
      const before = presentAgent(await getAgent(tx, id))
      await this.changePresence(tx, id, await meantBy(tx, wanted), now)
      const after = presentAgent(await getAgent(tx, id))
      // What agents say of themselves is work, not configuration
      if (caller.agentId !== id) {
        await recordAudit(tx, caller, { action: 'agent.presence_set', subjectId: id, at: now, before, after })
      }
      return after
    })
  }

  me(caller: OrgCaller): Promise<Shown | { organizationId: string; role: Role }> {
    const { agentId, orgId, role } = caller
    if (!agentId) return Promise.resolve({ organizationId: orgId, role })
    return this.get(caller, agentId)
  }

  setMyPresence(caller: OrgCaller, wanted: z.infer<typeof presenceBody>): Promise<Shown> {
    if (caller.agentId) return this.setPresence(caller, caller.agentId, wanted)
    throw new AppError('forbidden', 'Your key names no agent, so it has no presence.')
  }

  /**
   * Offers are given back before the agent's row is touched, because conversations are locked before agents everywhere;
   * and once more after it, for one that routing made in between. From then on routing makes none.
   */
  private async changePresence(tx: OrgTx, id: string, meant: Meant, now: Date): Promise<void> {
    const leaves = meant.presence === 'offline'
    if (leaves) await this.giveBackOffers(tx, id, now)
    const changed = await updatePresence(tx, id, meant, now)
    if (leaves) await this.giveBackOffers(tx, id, now)
    if (!changed) return
    const agent = presentAgent(await getAgent(tx, id))
    emit(tx, [{ type: 'agent.presence_changed', at: now, queueId: null, agentIds: [id], data: { agent } }])
  }
}

interface Meant {
  presence: Presence
  statusId: string | null
}

async function meantBy(tx: OrgTx, wanted: z.infer<typeof presenceBody>): Promise<Meant> {
  if ('presence' in wanted) return { presence: wanted.presence, statusId: null }
  const status = await tx.presenceStatus.findFirst({ where: { id: wanted.presenceStatusId } })
  if (!status) throw invalidField('presenceStatusId', 'There is no such presence status.')
  return { presence: status.presence, statusId: status.id }
}

const emailTaken = (email: string) =>
  new AppError('conflict', `There is already an agent with the e-mail address "${email}".`)
