import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import { isReferenceFault } from '../db/faults.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { holdSkills } from '../skills/repository.js'
import type { Outputs, Ruleset } from './classification.js'
import { getWorkstream, lockWorkstream } from './repository.js'
import { presentRules } from './rule-present.js'
import {
  findRulesets,
  holdRows,
  listRules,
  type NewRule,
  replaceRules,
  replaceRulesets,
} from './rule-repository.js'
import type { classificationRulesSchema } from './rule-schemas.js'
import { wakeRouting } from './wake-routing.js'

type Shown = ReturnType<typeof presentRules>
type ShownRulesets = z.infer<typeof classificationRulesSchema>

/** What leads a workstream's conversations: classification first, then the rules that choose the queue. */
export class RuleService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  rules(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      await getWorkstream(tx, id)
      return presentRules(await listRules(tx, id))
    })
  }

  /** Puts the whole ordered list in place of the one before. What was led to a queue stays in it. */
  replaceRules(caller: OrgCaller, id: string, rules: NewRule[]): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        await lockWorkstream(tx, id)
        await assertQueues(tx, rules)
        const at = this.clock.now()
        const before = presentRules(await listRules(tx, id))
        await replaceRules(tx, id, rules)
        wakeRouting(tx, at)
        const after = presentRules(await listRules(tx, id))
        const entry = { action: 'workstream.rules_replaced', subjectId: id, at } as const
        await recordAudit(tx, caller, { ...entry, before, after })
        return after
      })
      .catch((error) => {
        throw isReferenceFault(error)
          ? new AppError('conflict', 'A queue that this names was deleted at the same moment.')
          : error
      })
  }

  classification(caller: OrgCaller, id: string): Promise<ShownRulesets> {
    return this.db.inOrg(caller, async (tx) => {
      await getWorkstream(tx, id)
      return { rulesets: await findRulesets(tx, id) }
    })
  }

  /** All rulesets. They hold for conversations that are led to a queue from now on. */
  replaceClassification(caller: OrgCaller, id: string, rulesets: Ruleset[]): Promise<ShownRulesets> {
    return this.db.inOrg(caller, async (tx) => {
      await lockWorkstream(tx, id)
      await assertOutputs(tx, rulesets)
      const at = this.clock.now()
      const before = { rulesets: await findRulesets(tx, id) }
      await replaceRulesets(tx, id, rulesets, at)
      wakeRouting(tx, at)
      const after = { rulesets: await findRulesets(tx, id) }
      const entry = { action: 'workstream.classification_replaced', subjectId: id, at } as const
      await recordAudit(tx, caller, { ...entry, before, after })
      return after
    })
  }
}

async function assertQueues(tx: OrgTx, rules: readonly NewRule[]): Promise<void> {
  const named = rules.flatMap(({ queueId, queues }, rule) =>
    queues
      ? queues.map((share, place) => ({ id: share.queueId, path: `rules.${rule}.queues.${place}.queueId` }))
      : [{ id: queueId ?? '', path: `rules.${rule}.queueId` }],
  )
  const known = await holdRows(
    tx,
    'queues',
    named.map(({ id }) => id),
  )
  const lost = named.find(({ id }) => !known.has(id))
  if (lost) throw invalidField(lost.path, 'There is no such queue.')
}

/** What the rules set must be there, on its scale. */
async function assertOutputs(tx: OrgTx, rulesets: readonly Ruleset[]): Promise<void> {
  const all = rulesets.flatMap(({ rules }, ruleset) =>
    rules.map(({ set }, rule) => ({ set, path: `rulesets.${ruleset}.rules.${rule}.set` })),
  )
  const skillIds = all.flatMap(({ set }) => set.skills?.map(({ skillId }) => skillId) ?? [])
  const profileIds = all.flatMap(({ set }) => set.capacityProfileId ?? [])
  const highest = await holdSkills(tx, skillIds)
  const profiles = await holdRows(tx, 'capacity_profiles', profileIds)
  for (const { set, path } of all) {
    assertSkills(set, highest, path)
    if (set.capacityProfileId && !profiles.has(set.capacityProfileId)) {
      throw invalidField(`${path}.capacityProfileId`, 'There is no such capacity profile.')
    }
  }
}

function assertSkills({ skills = [] }: Outputs, highest: Map<string, number>, path: string): void {
  for (const [place, { skillId, rating }] of skills.entries()) {
    const most = highest.get(skillId)
    if (most === undefined) throw invalidField(`${path}.skills.${place}.skillId`, 'There is no such skill.')
    if (rating > most) {
      throw invalidField(`${path}.skills.${place}.rating`, `This skill is rated from 1 to ${most}.`)
    }
  }
}
