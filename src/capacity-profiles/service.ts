import type { z } from 'zod'
import { announcePresence } from '../agents/presence-changes.js'
import type { Database } from '../db/database.js'
import { isDuplicate, isReferenceFault } from '../db/faults.js'
import { type Page, type PageRequest, pageById, toPage } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { emit } from '../events/outbox.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, notFound } from '../lib/errors.js'
import { followProfiles } from './load-repository.js'
import { presentAgentProfile, presentProfile } from './present.js'
import {
  assignProfile,
  deleteProfile,
  findAgentProfile,
  findAgentsWith,
  findProfileUses,
  getProfile,
  hasAgent,
  insertProfile,
  listAgentProfiles,
  listProfiles,
  spreadLimit,
  updateProfile,
  withdrawProfile,
} from './repository.js'
import type { changeProfileBody, createProfileBody } from './schemas.js'

type Shown = ReturnType<typeof presentProfile>
type ShownOfAgent = ReturnType<typeof presentAgentProfile>
interface Place {
  agentId: string
  profileId: string
}

const nameTaken = (name: string) =>
  new AppError('conflict', `There is already a capacity profile with the name "${name}".`)

const stillUsed = (why: string) =>
  new AppError('conflict', `This capacity profile cannot be deleted: ${why}.`)

/** Capacity profiles, and which agents have them. Work at hand stays where it is, whatever is changed. */
export class CapacityProfileService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  create(caller: OrgCaller, body: z.infer<typeof createProfileBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        const after = presentProfile(await insertProfile(tx, body, at))
        await recordAudit(tx, caller, { action: 'capacity_profile.created', subjectId: after.id, at, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(body.name) : error
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listProfiles(tx, page), page)
      return { data: data.map(presentProfile), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => presentProfile(await getProfile(tx, id)))
  }

  /** A new limit holds for what is assigned from now on, for every agent without a limit of their own. */
  update(caller: OrgCaller, id: string, body: z.infer<typeof changeProfileBody>): Promise<Shown> {
    const { name, workItemLimit, blocksAssignment } = body
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        await lockRow(tx, 'capacity_profiles', id)
        const before = presentProfile(await getProfile(tx, id))
        await updateProfile(tx, id, { name, workItemLimit, blocksAssignment }, at)
        if (workItemLimit !== undefined) await spreadLimit(tx, id, workItemLimit)
        await followProfiles(tx, await findAgentsWith(tx, id))
        await announcePresence(tx, at)
        emit(tx, [{ type: 'routing.wanted', at, queueId: null, agentIds: [], data: {} }])
        const after = presentProfile(await getProfile(tx, id))
        const entry = { action: 'capacity_profile.changed', subjectId: id, at } as const
        await recordAudit(tx, caller, { ...entry, before, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(name ?? '') : error
      })
  }

  /** Refused while a workstream or an agent has it. Conversations that carry it take units from then on. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.db
      .inOrg(caller, async (tx) => {
        await lockRow(tx, 'capacity_profiles', id)
        const before = presentProfile(await getProfile(tx, id))
        const uses = await findProfileUses(tx, id)
        if (uses.length > 0) throw stillUsed(uses.join('; '))
        await deleteProfile(tx, id)
        const at = this.clock.now()
        emit(tx, [{ type: 'routing.wanted', at, queueId: null, agentIds: [], data: {} }])
        await recordAudit(tx, caller, { action: 'capacity_profile.deleted', subjectId: id, at, before })
      })
      .catch((error) => {
        throw isReferenceFault(error) ? stillUsed('something began to use it at this moment') : error
      })
  }

  ofAgent(caller: OrgCaller, agentId: string, page: PageRequest): Promise<Page<ShownOfAgent>> {
    return this.db.inOrg(caller, async (tx) => {
      if (!(await hasAgent(tx, agentId))) throw notFound('agent')
      const rows = await listAgentProfiles(tx, agentId, page)
      const { data, nextCursor } = toPage(rows, page.limit, ({ profileId }) => [profileId])
      return { data: data.map(presentAgentProfile), nextCursor }
    })
  }

  /** Gives the agent the profile, or another limit in it. */
  assign(
    caller: OrgCaller,
    { agentId, profileId }: Place,
    customLimit: number | null,
  ): Promise<ShownOfAgent> {
    return this.db.inOrg(caller, async (tx) => {
      const at = this.clock.now()
      if (!(await hasAgent(tx, agentId))) throw notFound('agent')
      await lockRow(tx, 'capacity_profiles', profileId)
      const profile = await getProfile(tx, profileId)
      await lockRow(tx, 'agents', agentId)
      const before = await findAgentProfile(tx, { agentId, profileId })
      await assignProfile(tx, { agentId, profile, customLimit })
      await followProfiles(tx, [agentId])
      await announcePresence(tx, at)
      emit(tx, [{ type: 'routing.wanted', at, queueId: null, agentIds: [], data: {} }])
      const row = await findAgentProfile(tx, { agentId, profileId })
      if (!row) throw new Error('What was assigned is not there')
      const after = presentAgentProfile(row)
      await recordAudit(tx, caller, {
        action: 'agent.capacity_profile_set',
        subjectId: agentId,
        at,
        before: before && presentAgentProfile(before),
        after,
      })
      return after
    })
  }

  /** Taking away what the agent does not have is fine. */
  withdraw(caller: OrgCaller, { agentId, profileId }: Place): Promise<void> {
    return this.db.inOrg(caller, async (tx) => {
      if (!(await hasAgent(tx, agentId))) throw notFound('agent')
      await getProfile(tx, profileId)
      await lockRow(tx, 'agents', agentId)
      const before = await findAgentProfile(tx, { agentId, profileId })
      if (!before) return
      await withdrawProfile(tx, { agentId, profileId })
      const at = this.clock.now()
      await followProfiles(tx, [agentId])
      await announcePresence(tx, at)
      // A profile that was full may have kept other work away
      emit(tx, [{ type: 'routing.wanted', at, queueId: null, agentIds: [], data: {} }])
      const entry = { action: 'agent.capacity_profile_removed', subjectId: agentId, at } as const
      await recordAudit(tx, caller, { ...entry, before: presentAgentProfile(before) })
    })
  }
}
