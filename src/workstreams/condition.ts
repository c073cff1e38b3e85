/**
 * Conditions of routing rules (domain.md 5.3): comparisons of fields of the contact, the conversation and the first
 * message, joined by all, any and not, at most five levels deep.
 */
import { z } from 'zod'

const plainFields = [
  'contact.mobilePhone',
  'contact.name',
  'contact.email',
  'customerAddress',
  'businessNumber',
  'channel',
  'provider',
  'language',
  'authenticated',
  'firstMessage.text',
]
const fieldPrefixes = ['contact.attributes.', 'context.']
const ops = [
  'equals',
  'not_equals',
  'begins_with',
  'ends_with',
  'contains',
  'in',
  'exists',
  'greater_than',
  'less_than',
] as const

const maxDepth = 5
const maxParts = 100
const maxListed = 500
/**
 * Of a value, and as much as "contains" looks at: to search for a long text made on purpose in another costs the product of
 * both lengths, and the whole process waits.
 */
export const longestText = 1600

type Scalar = string | number | boolean

export interface Comparison {
  field: string
  op: (typeof ops)[number]
  value?: Scalar | Scalar[] | undefined
}

export type Condition = Comparison | { all: Condition[] } | { any: Condition[] } | { not: Condition }

const isField = (field: string): boolean =>
  plainFields.includes(field) ||
  fieldPrefixes.some((prefix) => field.startsWith(prefix) && field.length > prefix.length)

const scalar = z.union([z.string().max(longestText), z.number(), z.boolean()])

const comparison = z
  .strictObject({
    field: z
      .string()
      .max(200)
      .refine(
        isField,
        `There is no such field. Fields are ${plainFields.join(', ')}, contact.attributes.x and context.x.`,
      ),
    op: z.enum(ops),
    value: z.union([scalar, z.array(scalar).min(1).max(maxListed)]).optional(),
  })
  .superRefine(({ op, value }, context) => {
    const wrong = valueFault(op, value)
    if (wrong) context.addIssue({ code: 'custom', path: ['value'], message: wrong })
  })

function valueFault(op: Comparison['op'], value: Comparison['value']): string | null {
  if (op === 'in') return Array.isArray(value) ? null : '"in" takes a list of values.'
  if (Array.isArray(value)) return `"${op}" takes one value; a list is for "in".`
  if (op === 'exists') {
    const fits = value === undefined || typeof value === 'boolean'
    return fits ? null : '"exists" takes true, false or no value.'
  }
  if (value === undefined) return `"${op}" needs a value.`
  const isOrder = op === 'greater_than' || op === 'less_than'
  if (isOrder && (value === '' || Number.isNaN(Number(value)))) return `"${op}" takes a number.`
  return null
}

const forms =
  'A condition is { field, op, value }, { all: […] }, { any: […] } or { not: … }; ' +
  `op is one of ${ops.join(', ')}.`

export const conditionSchema: z.ZodType<Condition> = z
  .union(
    [
      comparison,
      z.strictObject({
        get all() {
          return z.array(conditionSchema).min(1).max(maxParts)
        },
      }),
      z.strictObject({
        get any() {
          return z.array(conditionSchema).min(1).max(maxParts)
        },
      }),
      z.strictObject({
        get not() {
          return conditionSchema
        },
      }),
    ],
    { error: forms },
  )
  .meta({
    id: 'RoutingCondition',
    description: `"contains" looks at the first ${longestText} characters`,
  })

/** A condition that somebody wrote. The depth is checked first: reading a bottomless one would exhaust the stack. */
export const conditionInput = z.preprocess((written, context) => {
  if (depthOf(written) <= maxDepth) return written
  context.addIssue({ code: 'custom', message: `Conditions may be at most ${maxDepth} levels deep.` })
  return z.NEVER
}, conditionSchema)

/** Counts levels no further than it must. */
function depthOf(written: unknown): number {
  let level: unknown[] = [written]
  let depth = 0
  while (level.length > 0 && depth <= maxDepth) {
    depth += 1
    level = level.flatMap(partsOf)
  }
  return depth
}

function partsOf(written: unknown): unknown[] {
  if (typeof written !== 'object' || written === null) return []
  return ['all', 'any', 'not'].flatMap((name) =>
    Object.hasOwn(written, name) ? (written as Record<string, unknown>)[name] : [],
  )
}
