import { z } from 'zod'
import { id, name, time } from '../http/schemas.js'
import { isCountry, isTimeZone } from './locale.js'

const role = z.enum(['admin', 'supervisor', 'agent'])
const permission = z.enum(['secrets:write'])
const shownOnce = z.string().nullable().meta({ description: 'Shown once; null where the answer is repeated' })

export const timeZone = z
  .string()
  .refine(isTimeZone, 'Write a time zone of the IANA database, for example "Europe/Berlin".')
  .meta({ description: 'IANA time zone' })
const country = z
  .string()
  .refine(isCountry, 'Write a country code of two capital letters (ISO 3166-1), for example "US".')
  .meta({ description: 'ISO 3166-1 alpha-2' })

const requestsPerMinute = z
  .int()
  .min(1)
  .max(1_000_000)
  .nullable()
  .meta({ description: 'Calls of the API a minute; null: the default of the service' })

export const organizationSchema = z
  .object({
    id,
    name: z.string(),
    timeZone: z.string(),
    defaultCountry: z.string().nullable(),
    channels: z.object({ sms: z.boolean(), whatsapp: z.boolean() }),
    suspended: z.boolean(),
    requestsPerMinute,
    requestsPerMinutePerKey: requestsPerMinute,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Organization' })

export const newOrganizationSchema = organizationSchema
  .extend({ apiKey: z.object({ id, key: shownOnce, role: z.literal('admin') }) })
  .meta({ id: 'NewOrganization' })

export const createOrganizationBody = z.strictObject({
  name,
  timeZone: timeZone.default('UTC'),
  defaultCountry: country.nullish(),
})

export const changeOrganizationBody = z.strictObject({
  name: name.optional(),
  timeZone: timeZone.optional(),
  defaultCountry: country.nullish(),
  suspended: z.boolean().optional(),
  channels: z.strictObject({ sms: z.boolean().optional(), whatsapp: z.boolean().optional() }).optional(),
  requestsPerMinute: requestsPerMinute.optional(),
  requestsPerMinutePerKey: requestsPerMinute.optional(),
})

export const apiKeySchema = z
  .object({
    id,
    kind: z.enum(['api_key', 'agent_token']),
    name: z.string(),
    role,
    permissions: z.array(z.string()),
    agentId: id.nullable(),
    prefix: z.string().meta({ description: 'The first characters, to tell keys apart' }),
    createdAt: time,
    expiresAt: time.nullable(),
    revokedAt: time.nullable(),
  })
  .meta({ id: 'ApiKey' })

export const newApiKeySchema = apiKeySchema.extend({ key: shownOnce }).meta({ id: 'NewApiKey' })

export const createApiKeyBody = z
  .strictObject({
    name,
    role,
    permissions: z.array(permission).max(10).default([]),
    agentId: id.nullish().meta({
      description:
        'Required for role agent, optional for supervisor (whose queues it then sees), refused for admin',
    }),
  })
  .superRefine(({ role, permissions, agentId }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    if (role === 'agent' && !agentId) refuse('agentId', 'A key with the role agent must name its agent.')
    if (role === 'admin' && agentId)
      refuse('agentId', 'An admin key acts for the organization and names no agent.')
    if (role !== 'admin' && permissions.length > 0) {
      refuse('permissions', 'Only a key with the role admin can have permissions.')
    }
  })
