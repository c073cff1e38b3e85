import { z } from 'zod'
import { id, name, time } from '../http/schemas.js'

const mostItems = 10_000

const limit = z.int().min(0).max(mostItems)
const reset = z.enum(['immediate', 'end_of_day']).meta({
  description:
    'immediate: a place is free again when its conversation leaves the agent; end_of_day: all are at midnight of the organization',
})

export const capacityProfileSchema = z
  .object({
    id,
    name: z.string(),
    workItemLimit: z.int(),
    reset,
    blocksAssignment: z
      .boolean()
      .meta({ description: 'An agent who has no place left in it is offered nothing else either' }),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'CapacityProfile' })

export const createProfileBody = z.strictObject({
  name,
  workItemLimit: limit,
  reset: reset.default('immediate'),
  blocksAssignment: z.boolean().default(false),
})

export const changeProfileBody = z.strictObject({
  name: name.optional(),
  workItemLimit: limit.optional(),
  reset: z
    .never({ error: 'The reset is fixed when a capacity profile is made. Make another profile instead.' })
    .optional(),
  blocksAssignment: z.boolean().optional(),
})

export const agentProfileParams = z.object({ id, profileId: id })

export const agentProfileBody = z
  .strictObject({
    limit: limit
      .nullable()
      .optional()
      .meta({ description: 'In place of the limit of the profile; null or absent: that one' }),
  })
  .nullish()

export const agentProfileSchema = z
  .object({
    profileId: id,
    name: z.string(),
    limit: z.int(),
    customLimit: z.int().nullable(),
    used: z.int().meta({ description: 'May exceed the limit after a pick or a lowered limit' }),
    resetsAt: time.nullable().meta({ description: 'When a daily one counts from 0 again' }),
  })
  .meta({ id: 'AgentCapacityProfile' })
