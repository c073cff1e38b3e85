import { z } from 'zod'
import { id, time } from '../http/schemas.js'

const declineLimit = z.int().min(1).max(5).meta({
  description: 'After so many rejected or unanswered offers of a conversation an agent is not asked again',
})

const queueWithoutMembers = z.enum(['keep_open', 'close']).meta({
  description: 'What becomes of a conversation whose queue, and the fallback queue, have no members at all',
})

const preferredAgents = z.enum(['off', 'next_best', 'unassigned']).meta({
  description:
    'Whether preferredAgentIds of contacts come first, and what happens where none of them is there: the next best gets the conversation, or it waits for them',
})

export const routingSettingsSchema = z
  .object({ declineLimit, queueWithoutMembers, preferredAgents })
  .meta({ id: 'RoutingSettings' })

export const routingSettingsBody = z.strictObject({
  declineLimit: declineLimit.default(3),
  queueWithoutMembers: queueWithoutMembers.default('keep_open'),
  preferredAgents: preferredAgents.default('off'),
})

const condition = z.enum(['out_of_hours', 'item_limit'])
const exclusion = z.enum([
  'not_in_queue',
  'presence',
  'capacity',
  'sessions',
  'skill',
  'not_preferred',
  'declined',
])

export const routingRecordSchema = z
  .object({
    queueId: id.nullable().meta({ description: 'Where it is now' }),
    parkedReason: z
      .string()
      .nullable()
      .meta({ description: 'Why it is offered to nobody any more, and left to be picked' }),
    problem: z.enum(['queue_has_no_members']).nullable().meta({ description: 'Why nobody can take it now' }),
    overflow: z
      .object({
        at: time,
        queueId: id,
        minutes: z.int(),
        action: z.enum(['other_queue', 'end_conversation']),
        toQueueId: id.nullable(),
      })
      .nullable()
      .meta({ description: 'When it had waited too long, last' }),
    routing: z
      .object({
        at: time,
        outcome: z.enum(['queued', 'overflow_ended', 'ended_without_members']),
        emptyQueueId: id
          .nullable()
          .meta({ description: 'The queue that was chosen and has no members at all' }),
        classification: z.array(
          z.object({
            ruleset: z.string(),
            outcome: z.enum(['applied', 'no_match', 'faulty', 'not_processed']),
            rule: z.string().nullable(),
            tried: z.int().meta({ description: 'How many of its rules were looked at' }),
          }),
        ),
        set: z.object({
          context: z.array(z.string()).meta({ description: 'The names of the context variables' }),
          skills: z.array(z.object({ skillId: id, rating: z.int() })),
          priority: z.int().nullable(),
          capacityProfileIds: z.array(id),
        }),
        queueId: id,
        reason: z
          .enum(['rule', 'no_rules', 'no_match', 'faulty_rule', 'faulty_classification', 'all_overflow'])
          .meta({
            description: 'Why this queue: a rule led to it, or it is the fallback queue',
          }),
        tried: z.int().meta({ description: 'How many routing rules were looked at' }),
        overflow: z
          .object({
            queueId: id,
            condition,
            action: z.enum(['queue_anyway', 'other_queue', 'end_conversation']),
          })
          .nullable()
          .meta({ description: 'Where the queues of all rules that matched overflow: what was done' }),
        trail: z
          .array(
            z.object({
              rule: z.string(),
              outcome: z.enum(['applied', 'overflows', 'faulty']),
              draw: z.int().nullable(),
              queueId: id.nullable(),
              overflow: condition.nullable(),
            }),
          )
          .meta({
            description: 'Those that matched or are faulty; "draw" from 0 to 99 chose among percentages',
          }),
      })
      .nullable()
      .meta({ description: 'Null where the workstream had no rules: the fallback queue' }),
    assignment: z
      .object({
        at: time,
        agentId: id.nullable().meta({ description: 'Who was chosen; of what waits, who would be now' }),
        agents: z.array(z.object({ id, name: z.string(), ruledOutBy: z.array(exclusion) })),
        others: z.int().meta({ description: 'Members of the queue beyond those listed' }),
        preferred: z.array(z.object({ id, name: z.string(), ruledOutBy: z.array(exclusion) })).meta({
          description:
            'Whom the contact prefers, in order, and why not: neither their capacity nor their skills are asked. Empty where the organization does not go by it',
        }),
      })
      .nullable()
      .meta({
        description:
          'Of what waits, whom assignment would look at now; else whom it looked at when it was offered last. Null where it was never offered',
      }),
  })
  .meta({ id: 'RoutingRecord' })

const longestText = 10_000

export const tryBody = z.strictObject({
  customerAddress: z.string().min(1).max(200),
  text: z.string().max(longestText),
  context: z
    .record(z.string().min(1).max(100), z.union([z.string().max(4000), z.number()]))
    .default({})
    .refine((context) => Object.keys(context).length <= 100, 'At most 100 context variables.'),
  at: time.optional().meta({ description: 'The moment to look at; now where it is absent' }),
})
