import type { z } from 'zod'
import type { CapacityProfile } from '../db/generated/client.js'
import type { AgentProfile } from './repository.js'
import type { agentProfileSchema, capacityProfileSchema } from './schemas.js'

export const presentProfile = (row: CapacityProfile): z.infer<typeof capacityProfileSchema> => ({
  id: row.id,
  name: row.name,
  workItemLimit: row.workItemLimit,
  reset: row.reset,
  blocksAssignment: row.blocksAssignment,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})

export const presentAgentProfile = (row: AgentProfile): z.infer<typeof agentProfileSchema> => ({
  profileId: row.profileId,
  name: row.name,
  limit: row.itemLimit,
  customLimit: row.customLimit,
  used: row.used,
  resetsAt: row.resetsAt?.toISOString() ?? null,
})
