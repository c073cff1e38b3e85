import { z } from 'zod'

const declineLimit = z.int().min(1).max(5).meta({
  description: 'After so many rejected or unanswered offers of a conversation an agent is not asked again',
})

export const routingSettingsSchema = z.object({ declineLimit }).meta({ id: 'RoutingSettings' })

export const routingSettingsBody = z.strictObject({ declineLimit: declineLimit.default(3) })
