import type { OrgTx } from '../db/database.js'
import type { Prisma, RoutingRule } from '../db/generated/client.js'
import type { Ruleset } from './classification.js'
import type { Condition } from './condition.js'

export interface Share {
  queueId: string
  percent: number
}

export interface NewRule {
  name: string
  when: Condition
  queueId?: string | undefined
  /** Instead of one queue */
  queues?: Share[] | undefined
  ignoreOverflow: boolean
}

export async function listRules(tx: OrgTx, workstreamId: string): Promise<RoutingRule[]> {
  return tx.routingRule.findMany({ where: { workstreamId }, orderBy: { position: 'asc' } })
}

export async function replaceRules(
  tx: OrgTx,
  workstreamId: string,
  rules: readonly NewRule[],
): Promise<void> {
  await tx.routingRule.deleteMany({ where: { workstreamId } })
  await tx.routingRule.createMany({
    data: rules.map(({ name, when, queueId, queues, ignoreOverflow }, position) => ({
      orgId: tx.orgId,
      workstreamId,
      position,
      name,
      ignoreOverflow,
      condition: when as unknown as Prisma.InputJsonValue,
      queueId: queueId ?? queues?.[0]?.queueId ?? '',
      ...(queues && { allocation: queues as unknown as Prisma.InputJsonValue }),
    })),
  })
}

export async function findRulesets(tx: OrgTx, workstreamId: string): Promise<Ruleset[]> {
  const row = await tx.classificationRules.findFirst({ where: { workstreamId } })
  return (row?.rulesets ?? []) as unknown as Ruleset[]
}

export async function replaceRulesets(
  tx: OrgTx,
  workstreamId: string,
  rulesets: readonly Ruleset[],
  now: Date,
): Promise<void> {
  await tx.classificationRules.deleteMany({ where: { workstreamId } })
  if (rulesets.length === 0) return
  await tx.classificationRules.create({
    data: {
      orgId: tx.orgId,
      workstreamId,
      rulesets: rulesets as unknown as Prisma.InputJsonValue,
      updatedAt: now,
    },
  })
}

/** Keeps queues and capacity profiles that rules name from being deleted before the rules are there. */
export async function holdRows(
  tx: OrgTx,
  table: 'queues' | 'capacity_profiles',
  ids: readonly string[],
): Promise<Set<string>> {
  const wanted = [...new Set(ids)]
  const rows = await (table === 'queues'
    ? tx.$queryRaw<{ id: string }[]>`
        SELECT id FROM queues WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${wanted}::uuid[]) ORDER BY id FOR KEY SHARE`
    : tx.$queryRaw<{ id: string }[]>`
        SELECT id FROM capacity_profiles
        WHERE org_id = ${tx.orgId}::uuid AND id = ANY(${wanted}::uuid[]) ORDER BY id FOR KEY SHARE`)
  return new Set(rows.map(({ id }) => id))
}
