import type { z } from 'zod'
import type { AccessKey, Organization } from '../db/generated/client.js'
import type { apiKeySchema, organizationSchema } from './schemas.js'

export const presentOrganization = (row: Organization): z.infer<typeof organizationSchema> => ({
  id: row.id,
  name: row.name,
  timeZone: row.timeZone,
  defaultCountry: row.defaultCountry,
  channels: { sms: row.smsEnabled, whatsapp: row.whatsappEnabled },
  suspended: row.suspendedAt !== null,
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
