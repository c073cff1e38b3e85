import type { z } from 'zod'
import type { Agent } from '../db/generated/client.js'
import type { agentSchema } from './schemas.js'

export const presentAgent = (row: Agent): z.infer<typeof agentSchema> => ({
  id: row.id,
  name: row.name,
  email: row.email,
  role: row.role,
  capacityUnits: row.capacityUnits,
  usedUnits: row.usedUnits,
  openSessions: row.openSessions,
  presence: row.presence,
  presenceIsAutomatic: row.presenceIsAutomatic,
  presenceStatusId: row.offlineByLoss ? null : row.presenceStatusId,
  defaultPresence: row.defaultPresence as z.infer<typeof agentSchema>['defaultPresence'],
  presenceChangedAt: row.presenceChangedAt.toISOString(),
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})
