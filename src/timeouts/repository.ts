import type { OrgTx } from '../db/database.js'
import type { Channel, ClosingTimes, Prisma, TimeoutRule } from '../db/generated/client.js'

export async function listClosingTimes(tx: OrgTx): Promise<ClosingTimes[]> {
  return tx.closingTimes.findMany()
}

export async function saveClosingTimes(
  tx: OrgTx,
  channel: Channel,
  times: Omit<ClosingTimes, 'orgId' | 'channel'>,
): Promise<void> {
  await tx.closingTimes.upsert({
    where: { orgId_channel: { orgId: tx.orgId, channel } },
    create: { ...times, orgId: tx.orgId, channel },
    update: times,
  })
}

/** In their order. */
export async function listTimeoutRules(tx: OrgTx, workstreamIds: readonly string[]): Promise<TimeoutRule[]> {
  return tx.timeoutRule.findMany({
    where: { workstreamId: { in: [...new Set(workstreamIds)] } },
    orderBy: { position: 'asc' },
  })
}

type NewRule = Omit<TimeoutRule, 'orgId' | 'workstreamId' | 'position' | 'action'> & {
  action: Prisma.InputJsonValue
}

/** With the times of the active ones on the workstream, where each message finds them without asking again. */
export async function replaceTimeoutRules(
  tx: OrgTx,
  workstreamId: string,
  rules: readonly NewRule[],
): Promise<void> {
  await tx.timeoutRule.deleteMany({ where: { workstreamId } })
  await tx.timeoutRule.createMany({
    data: rules.map((rule, position) => ({ ...rule, orgId: tx.orgId, workstreamId, position })),
  })
  await tx.workstream.updateMany({
    where: { id: workstreamId },
    data: {
      customerTimeouts: timesOf(rules, 'customer_no_response'),
      agentTimeouts: timesOf(rules, 'agent_no_response'),
    },
  })
}

const timesOf = (rules: readonly NewRule[], event: string): number[] => [
  ...new Set(
    rules
      .filter((rule) => rule.isActive && rule.event === event)
      .map(({ afterMinutes }) => afterMinutes)
      .toSorted((a, b) => a - b),
  ),
]
