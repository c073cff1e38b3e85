import { z } from 'zod'
import { id, pageQuery, time } from '../http/schemas.js'

const status = z.enum(['open', 'active', 'waiting', 'wrap_up', 'closed'])

export const conversationSchema = z
  .object({
    id,
    status,
    statusReason: z.string(),
    channel: z.enum(['sms', 'whatsapp']),
    provider: z.enum(['twilio', 'telesign']),
    customerAddress: z.string(),
    businessNumber: z.string(),
    language: z.string(),
    contact: z.object({ id, name: z.string() }).nullable(),
    authenticated: z.boolean().meta({ description: 'Whether the sender is exactly one active contact' }),
    workstreamId: id,
    queueId: id.nullable(),
    agentId: id.nullable().meta({ description: 'Who has it, or had it last' }),
    offeredAt: time.nullable(),
    offerExpiresAt: time.nullable(),
    acceptedAt: time
      .nullable()
      .meta({ description: 'Null on an active conversation: an offer that awaits the agent' }),
    transfer: z
      .object({
        agentId: id,
        requestedBy: id
          .nullable()
          .meta({ description: 'The agent who asked for it; null for a key that names none' }),
        offeredAt: time,
        expiresAt: time,
      })
      .nullable()
      .meta({ description: 'Another agent is to take it over and has not accepted yet' }),
    transferCount: z.int().meta({ description: 'Completed transfers' }),
    replyWindow: z.object({ open: z.boolean(), expiresAt: time }).nullable(),
    unreadCount: z.int(),
    context: z.record(z.string(), z.union([z.string(), z.number()])),
    createdAt: time,
    statusUpdatedAt: time,
    lastInboundAt: time.nullable(),
    lastMessageAt: time,
    resolvedAt: time.nullable(),
    closesAt: time.nullable(),
    closedAt: time.nullable(),
  })
  .meta({ id: 'Conversation' })

export const sessionSchema = z
  .object({
    id,
    conversationId: id,
    agentId: id,
    queueId: id.nullable(),
    openedAt: time,
    offeredAt: time.nullable(),
    acceptedAt: time.nullable(),
    closedAt: time.nullable(),
    closureReason: z.string().nullable(),
    participants: z.array(
      z.object({
        agentId: id,
        mode: z.enum(['primary', 'consult', 'monitor']),
        joinedAt: time,
        leftAt: time.nullable(),
      }),
    ),
  })
  .meta({ id: 'Session' })

export const consultSchema = z
  .object({
    id,
    conversationId: id,
    agentId: id.meta({ description: 'Who is asked' }),
    invitedBy: id.nullable(),
    status: z
      .enum(['offered', 'accepted', 'added', 'ended'])
      .meta({ description: 'accepted: reads, and writes notes; added: writes to the customer too' }),
    offeredAt: time,
    expiresAt: time.nullable(),
    acceptedAt: time.nullable(),
    addedAt: time.nullable(),
    endedAt: time.nullable(),
    endReason: z.string().nullable(),
  })
  .meta({ id: 'Consult' })

export const consultParams = z.object({ id, consultId: id })

export const statusChangeSchema = z
  .object({
    id,
    at: time,
    happening: z.string().meta({ description: 'What made the step: opened, routed, offered, accepted …' }),
    status,
    reason: z.string().meta({ description: 'Why it is in this status from then on' }),
    by: z.object({
      type: z.enum(['customer', 'agent', 'supervisor', 'system']),
      id: id
        .nullable()
        .meta({ description: 'The agent; null for customer, system, and keys that name no agent' }),
    }),
    agentId: id.nullable(),
    queueId: id.nullable(),
  })
  .meta({ id: 'StatusChange' })

export const conversationQuery = pageQuery.extend({
  view: z.enum(['mine', 'open', 'closed_today', 'all']).optional(),
  status: status.optional(),
  contactId: id.optional(),
  customerAddress: z.string().max(200).optional(),
  workstreamId: id.optional(),
  queueId: id.optional(),
  sort: z.enum(['created', 'activity']).default('created'),
})

export const linkBody = z.strictObject({ contactId: id })

const oneTarget = 'Name either an agent or a queue.'

/** Somebody or somewhere: an agent or a queue. */
export const targetBody = z
  .strictObject({ agentId: id.optional(), queueId: id.optional() })
  .refine(({ agentId, queueId }) => (agentId === undefined) !== (queueId === undefined), {
    error: oneTarget,
    path: ['agentId'],
  })

const liveCounts = z.object({
  open: z.int(),
  awaitingAcceptance: z.int().meta({ description: 'Offered, and not accepted yet' }),
  active: z.int().meta({ description: 'Accepted' }),
  waiting: z.int(),
  wrapUp: z.int(),
  longestOpenSince: time.nullable().meta({ description: 'Since when the first of the open ones waits' }),
})

const livePresences = z
  .record(z.string(), z.int())
  .meta({ description: 'How many agents, by presence; those that nobody has are left out' })

export const liveSchema = z
  .object({
    at: time,
    conversations: liveCounts,
    agents: livePresences,
    queues: z.array(
      z.object({
        id,
        name: z.string(),
        members: z.int(),
        agents: livePresences,
        conversations: liveCounts,
      }),
    ),
  })
  .meta({ id: 'LiveBoard' })
