import { z } from 'zod'
import { id, pageQuery, time } from '../http/schemas.js'
import { auditActions } from './audit-actions.js'

const state = z.record(z.string(), z.unknown()).nullable().meta({
  description:
    'As callers see it, secrets masked; of more than 64 KiB only the size and the digest ("tooLarge"). Null where there was none',
})

// PostgreSQL knows no year 0
const moment = z.iso.datetime().regex(/^[1-9]/, 'The year must be 1000 or later.')

export const auditEntrySchema = z
  .object({
    id,
    at: time,
    action: z.string().meta({ description: 'thing.happening', examples: [...auditActions.slice(0, 3)] }),
    subject: z.object({ kind: z.string(), id }),
    actor: z.object({
      kind: z.enum(['api_key', 'agent_token', 'platform']),
      id: id.nullable().meta({ description: 'The agent, or the key that names none; null for the platform' }),
      keyId: id.nullable().meta({ description: 'The key or token that was used' }),
      role: z.enum(['admin', 'supervisor', 'agent']).nullable(),
      name: z.string().meta({ description: 'Of the agent or the key, at the time' }),
    }),
    requestId: id,
    address: z.string().meta({
      description: 'Of the connection; behind a proxy that the operator trusts, of whoever called it',
    }),
    forwardedFor: z.string().nullable().meta({ description: 'X-Forwarded-For as it was sent; anybody can' }),
    userAgent: z.string().nullable(),
    before: state,
    after: state,
  })
  .meta({ id: 'AuditEntry' })

export const auditQuery = pageQuery.extend({
  actorId: id.optional().meta({ description: 'The agent, or the key that names none' }),
  action: z.enum(auditActions).optional(),
  subjectId: id.optional(),
  since: moment.optional().meta({ description: 'At this moment or later' }),
  until: moment.optional().meta({ description: 'Before this moment' }),
})
