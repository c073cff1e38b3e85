import { z } from 'zod'
import { id, name, time } from '../http/schemas.js'

const role = z.enum(['admin', 'supervisor', 'agent'])
const presence = z.enum(['available', 'busy', 'do_not_disturb', 'away', 'offline'])
const shownPresence = z.enum([...presence.options, 'inactive'])
const capacityUnits = z.int().min(0).max(10_000)
const email = z.email().max(320)

const minute = 60
const halfDay = 43_200
const day = 86_400

export const agentSchema = z
  .object({
    id,
    name: z.string(),
    email: z.string(),
    role,
    capacityUnits: z.int(),
    usedUnits: z.int().meta({ description: 'May exceed the capacity after a pick or a lowered capacity' }),
    openSessions: z.int().meta({
      description: 'Conversations that are offered to them, at work, or in a wrap-up that holds capacity',
    }),
    presence: shownPresence.meta({ description: 'inactive: set by the service after a missed offer' }),
    presenceIsAutomatic: z
      .boolean()
      .meta({ description: 'It follows what the agent has: available, busy, or full (do_not_disturb)' }),
    presenceStatusId: id.nullable().meta({ description: 'The custom status that was chosen' }),
    defaultPresence: presence.nullable().meta({ description: 'At sign-in, which is the first event stream' }),
    presenceChangedAt: time,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Agent' })

export const createAgentBody = z.strictObject({ name, email, role, capacityUnits })

export const changeAgentBody = z.strictObject({
  name: name.optional(),
  email: email.optional(),
  role: role.optional(),
  capacityUnits: capacityUnits.optional(),
  defaultPresence: presence.nullable().optional(),
})

export const presenceBody = z.union([
  z.strictObject({ presence }),
  z
    .strictObject({ presenceStatusId: id })
    .meta({ description: 'A custom status, and the presence that it stands for' }),
])

export const presenceStatusSchema = z
  .object({ id, name: z.string(), presence, createdAt: time, updatedAt: time })
  .meta({ id: 'PresenceStatus' })

export const presenceStatusBody = z.strictObject({ name, presence })
export const changePresenceStatusBody = z.strictObject({ name: name.optional() })

const doNotDisturbOnReject = z
  .boolean()
  .meta({ description: 'An agent who rejects an offer is set to do_not_disturb' })
const inactiveOnMissedOffer = z
  .boolean()
  .meta({ description: 'An agent who misses an offer is set to inactive' })
const sessionsPerAgent = z.int().min(1).max(10_000).meta({
  description:
    'Conversations that an agent may have at a time, whatever their capacity; 10 where nothing is set',
})
const reclaimWorkAfterMinutes = z.int().min(3).max(1440).nullable().meta({
  description:
    'When an agent’s connection has been lost for so long, what they have accepted goes back to its queue; null: never',
})
export const presenceSettingsSchema = z
  .object({ doNotDisturbOnReject, inactiveOnMissedOffer, sessionsPerAgent, reclaimWorkAfterMinutes })
  .meta({ id: 'PresenceSettings' })
export const presenceSettingsBody = z.strictObject({
  doNotDisturbOnReject: doNotDisturbOnReject.default(false),
  inactiveOnMissedOffer: inactiveOnMissedOffer.default(false),
  sessionsPerAgent: sessionsPerAgent.default(10),
  reclaimWorkAfterMinutes: reclaimWorkAfterMinutes.default(8),
})

export const tokenBody = z
  .strictObject({ ttlSeconds: z.int().min(minute).max(day).default(halfDay) })
  .nullish()
  .transform((body) => body ?? { ttlSeconds: halfDay })

export const agentTokenSchema = z
  .object({
    id: id.meta({ description: 'To revoke it: DELETE /v1/api-keys/{id}' }),
    token: z.string().nullable().meta({ description: 'Shown once; null where the answer is repeated' }),
    expiresAt: time,
  })
  .meta({ id: 'AgentToken' })

/** The agent, or what a key that names no agent stands for. */
export const meSchema = z.union([
  agentSchema,
  z.object({ organizationId: id, role }).meta({ id: 'KeyOwner' }),
])
