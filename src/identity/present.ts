import type { z } from 'zod'
import type { AccessKey, AuditEntry, Organization } from '../db/generated/client.js'
import type { auditEntrySchema } from './audit-schemas.js'
import type { apiKeySchema, organizationSchema } from './schemas.js'

export const presentOrganization = (row: Organization): z.infer<typeof organizationSchema> => ({
  id: row.id,
  name: row.name,
  timeZone: row.timeZone,
  defaultCountry: row.defaultCountry,
  channels: { sms: row.smsEnabled, whatsapp: row.whatsappEnabled },
  suspended: row.suspendedAt !== null,
  requestsPerMinute: row.requestsPerMinute,
  requestsPerMinutePerKey: row.requestsPerMinutePerKey,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})

export const presentKey = (row: AccessKey): z.infer<typeof apiKeySchema> => ({
  id: row.id,
  kind: row.kind,
  name: row.name,
  role: row.role,
  permissions: row.permissions,
  agentId: row.agentId,
  prefix: row.prefix,
  createdAt: row.createdAt.toISOString(),
  expiresAt: row.expiresAt?.toISOString() ?? null,
  revokedAt: row.revokedAt?.toISOString() ?? null,
})

type Shown = z.infer<typeof auditEntrySchema>

export const presentEntry = (row: AuditEntry): Shown => ({
  id: row.id,
  at: row.at.toISOString(),
  action: row.action,
  subject: { kind: row.action.replace(/\..*/, ''), id: row.subjectId },
  actor: { kind: row.actorKind, id: row.actorId, keyId: row.keyId, role: row.role, name: row.actorName },
  requestId: row.requestId,
  address: row.address,
  forwardedFor: row.forwardedFor,
  userAgent: row.userAgent,
  before: row.before as Shown['before'],
  after: row.after as Shown['after'],
})
