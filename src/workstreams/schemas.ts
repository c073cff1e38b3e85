import { z } from 'zod'
import { id, name, time } from '../http/schemas.js'

const leastSmsMinutes = 480
const yearMinutes = 525_600
const smsMinutesFault = 'An SMS workstream closes waiting conversations after at least 480 minutes (8 hours).'

const channel = z.enum(['sms', 'whatsapp'])
const distribution = z.enum(['push', 'pick'])
const autoCloseAfterMinutes = z.int().min(1).max(yearMinutes)
const capacityUnits = z.int().min(1).max(10_000)
const allowedPresence = z.enum(['available', 'busy', 'do_not_disturb', 'away'])
const allowedPresences = z
  .array(allowedPresence)
  .min(1)
  .max(4)
  .meta({ description: 'Agents with another presence are offered nothing of it' })
const capacityProfileId = id.nullable().meta({
  description: 'Its new conversations take a place of this capacity profile, instead of units; null: units',
})
const skillMatching = z.enum(['exact', 'closest', 'none']).meta({
  description:
    'Of the skills that a conversation asks for an agent must have all, with at least the rating; or those who come closest are first; or they do not count',
})
const wrapUpBlock = z
  .union([z.enum(['always', 'none']), z.strictObject({ seconds: z.int().min(30).max(3600) })], {
    error: 'Write "always", "none" or { "seconds": 30..3600 }.',
  })
  .meta({ description: 'How long wrap-up holds capacity' })

const operatingHoursId = id.nullable().meta({ description: 'When it is open; null: always' })
const assignment = z.enum(['highest_capacity', 'round_robin', 'least_active']).meta({
  description:
    'Which free member comes first: with the most free capacity; whose turn it is in this queue; whose capacity was given back longest ago',
})
const priority = z
  .int()
  .min(1)
  .max(1000)
  .meta({ description: 'Smaller first; among equal ones whatever waits longest' })
const serviceLevelSeconds = z
  .int()
  .min(1)
  .max(604_800)
  .nullable()
  .meta({ description: 'What an agent accepts within it was in time' })

const mostOpen = 100
const longestWaitMinutes = 2880

/** The other queue is named where, and only where, conversations go to one. */
const withQueue = <Part extends { action: string; queueId?: string | undefined }>({
  action,
  queueId,
}: Part) => (action === 'other_queue') === (queueId !== undefined)
const queueFault = {
  path: ['queueId'],
  message: 'Name the other queue with "other_queue", and with no other action.',
}
const queueId = id.optional()
const beforeQueueing = z.enum(['queue_anyway', 'other_queue', 'end_conversation'])
const overflow = z
  .strictObject({
    outOfHours: z
      .strictObject({ action: beforeQueueing, queueId })
      .refine(withQueue, queueFault)
      .nullable()
      .default(null)
      .meta({ description: 'Outside its operating hours; queue_anyway where absent' }),
    itemLimit: z
      .strictObject({ limit: z.int().min(1).max(mostOpen), action: beforeQueueing, queueId })
      .refine(withQueue, queueFault)
      .nullable()
      .default(null)
      .meta({ description: 'While so many conversations, or more, are open in it' }),
    waitingTime: z
      .strictObject({
        minutes: z.int().min(1).max(longestWaitMinutes),
        action: z.enum(['other_queue', 'end_conversation']),
        queueId,
      })
      .refine(withQueue, queueFault)
      .nullable()
      .default(null)
      .meta({ description: 'When one has waited in it for so long' }),
  })
  .meta({
    id: 'QueueOverflow',
    description: 'The first two are looked at once, before a conversation is queued',
  })
const noOverflow = { outOfHours: null, itemLimit: null, waitingTime: null }

export const queueSchema = z
  .object({
    id,
    name: z.string(),
    isDefault: z.boolean(),
    operatingHoursId,
    priority: z.int(),
    assignment,
    serviceLevelSeconds: z.int().nullable(),
    overflow,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Queue' })

export const queueBody = z.strictObject({
  name,
  priority: priority.default(100),
  assignment: assignment.default('highest_capacity'),
  serviceLevelSeconds: serviceLevelSeconds.default(null),
  overflow: overflow.default(noOverflow),
  operatingHoursId: operatingHoursId.default(null),
})
export const changeQueueBody = z.strictObject({
  name: name.optional(),
  priority: priority.optional(),
  assignment: assignment.optional(),
  serviceLevelSeconds: serviceLevelSeconds.optional(),
  overflow: overflow.optional(),
  operatingHoursId: operatingHoursId.optional(),
})

export const memberParams = z.object({ id, agentId: id })

export const memberSchema = z
  .object({
    agentId: id,
    name: z.string(),
    role: z.enum(['admin', 'supervisor', 'agent']),
    presence: z.enum(['available', 'busy', 'do_not_disturb', 'away', 'offline', 'inactive']),
    addedAt: time,
  })
  .meta({ id: 'QueueMember' })

export const workstreamSchema = z
  .object({
    id,
    name: z.string(),
    channel,
    distribution,
    isBuiltIn: z.boolean().meta({ description: 'Serves the numbers of its channel that no other has' }),
    autoCloseAfterMinutes: z.int(),
    capacityUnits: z.int(),
    capacityProfileId: id.nullable(),
    allowedPresences: z.array(allowedPresence),
    keepSameAgent: z.boolean(),
    skillMatching,
    wrapUpBlock,
    automaticMessages: z.boolean().meta({ description: 'Whether automatic messages are sent in it' }),
    fallbackQueueId: id,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Workstream' })

export const createWorkstreamBody = z
  .strictObject({
    name,
    channel,
    distribution,
    autoCloseAfterMinutes,
    capacityUnits: capacityUnits.default(1),
    capacityProfileId: capacityProfileId.default(null),
    allowedPresences: allowedPresences.default(['available', 'busy']),
    keepSameAgent: z.boolean().default(true),
    skillMatching: skillMatching.default('exact'),
    wrapUpBlock: wrapUpBlock.default('always'),
    automaticMessages: z.boolean().default(true),
    fallbackQueueId: id.optional().meta({ description: 'The default queue where absent' }),
  })
  .refine((body) => body.channel !== 'sms' || body.autoCloseAfterMinutes >= leastSmsMinutes, {
    path: ['autoCloseAfterMinutes'],
    message: smsMinutesFault,
  })

const fixed = (what: string) =>
  z
    .never({ error: `The ${what} is fixed when a workstream is made. Make another workstream instead.` })
    .optional()

export const changeWorkstreamBody = z.strictObject({
  name: name.optional(),
  channel: fixed('channel'),
  distribution: fixed('distribution'),
  autoCloseAfterMinutes: autoCloseAfterMinutes.optional(),
  capacityUnits: capacityUnits.optional(),
  capacityProfileId: capacityProfileId.optional(),
  allowedPresences: allowedPresences.optional(),
  keepSameAgent: z.boolean().optional(),
  skillMatching: skillMatching.optional(),
  wrapUpBlock: wrapUpBlock.optional(),
  automaticMessages: z.boolean().optional(),
  fallbackQueueId: id.optional(),
})

export const language = z
  .string()
  .max(35)
  .refine(isLanguage, 'Write a language tag (BCP 47), for example "en-US".')
  .meta({ description: 'BCP 47' })

function isLanguage(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1
  } catch {
    return false
  }
}

export const workstreamChannelSchema = z
  .object({
    id,
    workstreamId: id,
    numberId: id,
    number: z.string(),
    language: z.string(),
    attachments: z.object({ customer: z.boolean(), agent: z.boolean() }),
    operatingHoursId,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'WorkstreamChannel' })

const attachments = z
  .strictObject({ customer: z.boolean().optional(), agent: z.boolean().optional() })
  .meta({ description: 'Who may send files; both are off by default' })

export const channelParams = z.object({ id, channelId: id })

export const addChannelBody = z.strictObject({
  numberId: id,
  language: language.default('en-US'),
  attachments: attachments.optional(),
  operatingHoursId: operatingHoursId.default(null).meta({ description: 'SMS only' }),
})

export const changeChannelBody = z.strictObject({
  language: language.optional(),
  attachments: attachments.optional(),
  operatingHoursId: operatingHoursId.optional().meta({ description: 'SMS only' }),
})
