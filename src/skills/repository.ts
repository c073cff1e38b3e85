import type { OrgTx } from '../db/database.js'
import type { Skill } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'

export async function insertSkill(
  tx: OrgTx,
  fields: Pick<Skill, 'name' | 'maxRating'>,
  now: Date,
): Promise<Skill> {
  return tx.skill.create({
    data: { ...fields, orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now },
  })
}

export async function getSkill(tx: OrgTx, id: string): Promise<Skill> {
  const row = await tx.skill.findFirst({ where: { id } })
  if (!row) throw notFound('skill')
  return row
}

export async function listSkills(tx: OrgTx, page: PageRequest): Promise<Skill[]> {
  return tx.skill.findMany({ where: olderThan(page), orderBy: { id: 'desc' }, take: page.limit + 1 })
}

export async function renameSkill(tx: OrgTx, id: string, name: string, now: Date): Promise<void> {
  await tx.skill.updateMany({ where: { id }, data: { name, updatedAt: now } })
}

/** Against rules that begin to ask for it: see `holdSkills`. */
export async function lockSkill(tx: OrgTx, id: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM skills WHERE org_id = ${tx.orgId}::uuid AND id = ${id}::uuid FOR UPDATE`
}

/** Agents lose it with it. */
export async function deleteSkill(tx: OrgTx, id: string): Promise<void> {
  await tx.skill.deleteMany({ where: { id } })
}

/** The highest rating of those of these skills that there are, held until this unit of work is over. */
export async function holdSkills(tx: OrgTx, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map()
  const rows = await tx.$queryRaw<{ id: string; maxRating: number }[]>`
    SELECT id, max_rating AS "maxRating" FROM skills
    WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${[...new Set(ids)]}::uuid[]) ORDER BY id FOR KEY SHARE`
  return new Map(rows.map(({ id, maxRating }) => [id, maxRating]))
}

/** The workstreams whose classification asks for it, for people. */
export async function findSkillUses(tx: OrgTx, id: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ name: string }[]>`
    SELECT w.name FROM classification_rules c JOIN workstreams w ON w.org_id = c.org_id AND w.id = c.workstream_id
    WHERE c.org_id = ${tx.orgId}::uuid AND strpos(c.rulesets::text, ${id}) > 0 ORDER BY w.name LIMIT 5`
  return rows.map(({ name }) => `the classification rules of the workstream "${name}" ask for it`)
}

export interface AgentSkillRow {
  skillId: string
  name: string
  rating: number
}

export async function listSkillsOf(tx: OrgTx, agentId: string): Promise<AgentSkillRow[]> {
  return tx.$queryRaw<AgentSkillRow[]>`
    SELECT s.id AS "skillId", s.name, a.rating FROM agent_skills a JOIN skills s ON s.org_id = a.org_id AND s.id = a.skill_id
    WHERE a.org_id = ${tx.orgId}::uuid AND a.agent_id = ${agentId}::uuid ORDER BY s.name`
}

export async function replaceSkillsOf(
  tx: OrgTx,
  agentId: string,
  skills: readonly { skillId: string; rating: number }[],
): Promise<void> {
  await tx.agentSkill.deleteMany({ where: { agentId } })
  await tx.agentSkill.createMany({ data: skills.map((skill) => ({ ...skill, orgId: tx.orgId, agentId })) })
}

/** The ratings of these skills, by skill and agent. A skill that was deleted has no entry. */
export async function findRatings(
  tx: OrgTx,
  skillIds: readonly string[],
): Promise<Map<string, Map<string, number>>> {
  if (skillIds.length === 0) return new Map()
  const rows = await tx.$queryRaw<{ id: string; agentId: string | null; rating: number | null }[]>`
    SELECT s.id, a.agent_id AS "agentId", a.rating FROM skills s
    LEFT JOIN agent_skills a ON a.org_id = s.org_id AND a.skill_id = s.id
    WHERE s.org_id = ${tx.orgId}::uuid AND s.id = ANY(${[...new Set(skillIds)]}::uuid[])`
  const ratings = new Map<string, Map<string, number>>()
  for (const { id, agentId, rating } of rows) {
    const ofSkill = ratings.get(id) ?? new Map<string, number>()
    ratings.set(id, agentId === null ? ofSkill : ofSkill.set(agentId, rating ?? 0))
  }
  return ratings
}
