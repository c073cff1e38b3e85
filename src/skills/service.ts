import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import { isDuplicate } from '../db/faults.js'
import type { Skill } from '../db/generated/client.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { emit } from '../events/outbox.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField, notFound } from '../lib/errors.js'
import {
  deleteSkill,
  findSkillUses,
  getSkill,
  holdSkills,
  insertSkill,
  listSkills,
  listSkillsOf,
  lockSkill,
  renameSkill,
  replaceSkillsOf,
} from './repository.js'
import type { agentSkillsBody, agentSkillsSchema, createSkillBody, skillSchema } from './schemas.js'

type Shown = z.infer<typeof skillSchema>
type OfAgent = z.infer<typeof agentSkillsSchema>

const present = ({ id, name, maxRating, createdAt, updatedAt }: Skill): Shown => ({
  ...{ id, name, maxRating },
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
})

const nameTaken = (name: string) =>
  new AppError('conflict', `There is already a skill with the name "${name}".`)

/** Skills, and how well agents have them. */
export class SkillService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  create(caller: OrgCaller, body: z.infer<typeof createSkillBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        const after = present(await insertSkill(tx, body, at))
        await recordAudit(tx, caller, { action: 'skill.created', subjectId: after.id, at, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(body.name) : error
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listSkills(tx, page), page)
      return { data: data.map(present), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => present(await getSkill(tx, id)))
  }

  rename(caller: OrgCaller, id: string, name: string | undefined): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        await lockRow(tx, 'skills', id)
        const before = present(await getSkill(tx, id))
        if (name !== undefined) await renameSkill(tx, id, name, at)
        const after = present(await getSkill(tx, id))
        await recordAudit(tx, caller, { action: 'skill.changed', subjectId: id, at, before, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(name ?? '') : error
      })
  }

  /** Refused while classification asks for it. What waits and asks for it no longer does. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.db.inOrg(caller, async (tx) => {
      const at = this.clock.now()
      await lockSkill(tx, id)
      const before = present(await getSkill(tx, id))
      const uses = await findSkillUses(tx, id)
      if (uses.length > 0) throw new AppError('conflict', `This skill cannot be deleted: ${uses.join('; ')}.`)
      await deleteSkill(tx, id)
      await recordAudit(tx, caller, { action: 'skill.deleted', subjectId: id, at, before })
      wakeRouting(tx, at)
    })
  }

  ofAgent(caller: OrgCaller, agentId: string): Promise<OfAgent> {
    return this.db.inOrg(caller, async (tx) => {
      await assertAgent(tx, agentId)
      return { skills: await listSkillsOf(tx, agentId) }
    })
  }

  /** All skills of an agent. They count from the next offer on, for what waits already too. */
  replaceOfAgent(
    caller: OrgCaller,
    agentId: string,
    { skills }: z.infer<typeof agentSkillsBody>,
  ): Promise<OfAgent> {
    return this.db.inOrg(caller, async (tx) => {
      const at = this.clock.now()
      await lockRow(tx, 'agents', agentId)
      await assertAgent(tx, agentId)
      const highest = await holdSkills(
        tx,
        skills.map(({ skillId }) => skillId),
      )
      for (const [place, { skillId, rating }] of skills.entries()) {
        const most = highest.get(skillId)
        if (most === undefined) throw invalidField(`skills.${place}.skillId`, 'There is no such skill.')
        if (rating > most)
          throw invalidField(`skills.${place}.rating`, `This skill is rated from 1 to ${most}.`)
      }
      const before = { skills: await listSkillsOf(tx, agentId) }
      await replaceSkillsOf(tx, agentId, skills)
      const after = { skills: await listSkillsOf(tx, agentId) }
      await recordAudit(tx, caller, { action: 'agent.skills_set', subjectId: agentId, at, before, after })
      wakeRouting(tx, at)
      return after
    })
  }
}

const wakeRouting = (tx: OrgTx, at: Date): void =>
  emit(tx, [{ type: 'routing.wanted', at, queueId: null, agentIds: [], data: {} }])

async function assertAgent(tx: OrgTx, id: string): Promise<void> {
  if ((await tx.agent.count({ where: { id } })) === 0) throw notFound('agent')
}
