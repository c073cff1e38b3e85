import { z } from 'zod'
import { id, name } from '../http/schemas.js'
import { conditionInput, conditionSchema } from './condition.js'

const maxRules = 200
const maxQueues = 5
const maxRulesets = 10
const maxRulesOfRuleset = 100
const maxOutputs = 5
const maxContextEntries = 100
const longestContextValue = 4000
const highestRating = 100

const share = z.strictObject({ queueId: id, percent: z.int().min(1).max(100) })

const queues = z
  .array(share)
  .min(1)
  .max(maxQueues)
  .refine((shares) => sum(shares) === 100, 'The percentages must come to 100 together.')
  .refine(
    (shares) => new Set(shares.map(({ queueId }) => queueId)).size === shares.length,
    'A queue is named twice.',
  )

const sum = (shares: readonly { percent: number }[]): number =>
  shares.reduce((total, { percent }) => total + percent, 0)

export const routingRulesSchema = z
  .object({
    rules: z.array(
      z.object({
        name: z.string(),
        when: conditionSchema,
        queueId: id.optional(),
        queues: z
          .array(z.object({ queueId: id, percent: z.int() }))
          .optional()
          .meta({ description: 'Where the rule allocates by percentage' }),
        ignoreOverflow: z.boolean().optional(),
      }),
    ),
  })
  .meta({ id: 'RoutingRules' })

const ignoreOverflow = z
  .boolean()
  .default(false)
  .meta({ description: 'It leads to its queue whether that overflows or not' })

export const routingRulesBody = z.strictObject({
  rules: z
    .array(
      z
        .strictObject({
          name,
          when: conditionInput,
          queueId: id.optional(),
          queues: queues.optional(),
          ignoreOverflow,
        })
        .refine(({ queueId, queues }) => (queueId === undefined) !== (queues === undefined), {
          path: ['queueId'],
          message: 'A rule leads either to one queue ("queueId") or by percentage to several ("queues").',
        }),
    )
    .max(maxRules),
})

const contextName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'The name of a context variable has no control characters.')
const context = z.record(contextName, z.union([z.string().max(longestContextValue), z.number()]))
const skills = z.array(z.strictObject({ skillId: id, rating: z.int().min(1).max(highestRating).default(1) }))
const priority = z.int().min(1).max(1000)

const outputs = z
  .strictObject({
    context: context.optional(),
    skills: skills.optional(),
    priority: priority
      .optional()
      .meta({ description: 'In its queue; smaller first, 100 where nothing is set' }),
    capacityProfileId: id.optional(),
  })
  .refine(({ context = {}, skills = [], priority, capacityProfileId }) => {
    const single = [priority, capacityProfileId].filter((value) => value !== undefined).length
    const count = Object.keys(context).length + skills.length + single
    return count >= 1 && count <= maxOutputs
  }, `A rule sets from 1 to ${maxOutputs} values: context variables, skills, priority, capacity profile.`)
  .meta({ id: 'ClassificationOutputs' })

const rulesets = <Rule extends z.ZodType>(rule: Rule) =>
  z.array(z.strictObject({ name, rules: z.array(rule).max(maxRulesOfRuleset) })).max(maxRulesets)

export const classificationRulesSchema = z
  .object({
    rulesets: z.array(
      z.object({
        name: z.string(),
        rules: z.array(z.object({ name: z.string(), when: conditionSchema, set: outputs })),
      }),
    ),
  })
  .meta({ id: 'ClassificationRules' })

export const classificationRulesBody = z.strictObject({
  rulesets: rulesets(z.strictObject({ name, when: conditionInput, set: outputs })).refine(
    (all) => contextNames(all).size <= maxContextEntries,
    `A conversation has at most ${maxContextEntries} context variables.`,
  ),
})

const contextNames = (all: readonly { rules: readonly { set: { context?: object | undefined } }[] }[]) =>
  new Set(all.flatMap(({ rules }) => rules.flatMap(({ set }) => Object.keys(set.context ?? {}))))
