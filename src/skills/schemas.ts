import { z } from 'zod'
import { id, name, time } from '../http/schemas.js'

const highestRating = 100
const mostSkillsOfAgent = 100

export const skillSchema = z
  .object({ id, name: z.string(), maxRating: z.int(), createdAt: time, updatedAt: time })
  .meta({ id: 'Skill' })

export const createSkillBody = z.strictObject({
  name,
  maxRating: z
    .int()
    .min(1)
    .max(highestRating)
    .default(10)
    .meta({ description: 'Ratings go from 1 to this; 1 where one either has the skill or not' }),
})

export const changeSkillBody = z.strictObject({
  name: name.optional(),
  maxRating: z
    .never({
      error: 'The scale is fixed when a skill is made, for ratings are given on it. Make another skill.',
    })
    .optional(),
})

const rating = z.int().min(1).max(highestRating)

export const agentSkillsSchema = z
  .object({ skills: z.array(z.object({ skillId: id, name: z.string(), rating: z.int() })) })
  .meta({ id: 'AgentSkills' })

export const agentSkillsBody = z.strictObject({
  skills: z
    .array(z.strictObject({ skillId: id, rating }))
    .max(mostSkillsOfAgent)
    .refine(
      (skills) => new Set(skills.map(({ skillId }) => skillId)).size === skills.length,
      'A skill is named twice.',
    ),
})
