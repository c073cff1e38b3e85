import type { z } from 'zod'
import type { Agent, Queue, Workstream } from '../db/generated/client.js'
import type { ChannelRow } from './channel-repository.js'
import type { memberSchema, queueSchema, workstreamChannelSchema, workstreamSchema } from './schemas.js'

export type WrapUpBlock = z.infer<typeof workstreamSchema>['wrapUpBlock']

/** As it is stored: null for always, 0 for none. */
export function wrapUpSeconds(block: WrapUpBlock): number | null {
  if (block === 'always') return null
  return block === 'none' ? 0 : block.seconds
}

function wrapUpBlock(seconds: number | null): WrapUpBlock {
  if (seconds === null) return 'always'
  return seconds === 0 ? 'none' : { seconds }
}

type ShownQueue = z.infer<typeof queueSchema>

const noOverflow = { outOfHours: null, itemLimit: null, waitingTime: null }

export const presentQueue = (row: Queue): z.infer<typeof queueSchema> => ({
  id: row.id,
  name: row.name,
  isDefault: row.isDefault,
  operatingHoursId: row.operatingHoursId,
  priority: row.priority,
  assignment: row.assignment,
  serviceLevelSeconds: row.serviceLevelSeconds,
  overflow: { ...noOverflow, ...(row.overflow as Partial<ShownQueue['overflow']>) },
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})

export type MemberRow = Pick<Agent, 'name' | 'role' | 'presence'> & { agentId: string; addedAt: Date }

export const presentMember = ({ addedAt, ...row }: MemberRow): z.infer<typeof memberSchema> => ({
  ...row,
  addedAt: addedAt.toISOString(),
})

export const presentWorkstream = (row: Workstream): z.infer<typeof workstreamSchema> => ({
  id: row.id,
  name: row.name,
  channel: row.channel,
  distribution: row.distribution,
  isBuiltIn: row.isBuiltIn,
  autoCloseAfterMinutes: row.autoCloseAfterMinutes,
  capacityUnits: row.capacityUnits,
  capacityProfileId: row.capacityProfileId,
  allowedPresences: row.allowedPresences as z.infer<typeof workstreamSchema>['allowedPresences'],
  keepSameAgent: row.keepSameAgent,
  skillMatching: row.skillMatching,
  wrapUpBlock: wrapUpBlock(row.wrapUpBlockSeconds),
  automaticMessages: row.automaticMessages,
  fallbackQueueId: row.fallbackQueueId,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})

export const presentChannel = (row: ChannelRow): z.infer<typeof workstreamChannelSchema> => ({
  id: row.id,
  workstreamId: row.workstreamId,
  numberId: row.numberId,
  number: row.number,
  language: row.language,
  attachments: { customer: row.customerAttachments, agent: row.agentAttachments },
  operatingHoursId: row.operatingHoursId,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})
