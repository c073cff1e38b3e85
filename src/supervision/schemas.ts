import { z } from 'zod'

export const supervisionSettingsSchema = z
  .object({
    transferToAgents: z
      .boolean()
      .meta({ description: 'Whether conversations may be transferred to agents, and not only to queues' }),
  })
  .meta({ id: 'SupervisionSettings' })

export const supervisionSettingsBody = z.strictObject(supervisionSettingsSchema.shape)
