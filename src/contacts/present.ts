import type { z } from 'zod'
import type { Address } from './addresses.js'
import type { OptOutRow } from './opt-outs.js'
import type { ContactRow } from './repository.js'
import type { contactSchema, optOutSchema } from './schemas.js'

type Shown = z.infer<typeof contactSchema>

export const presentContact = (row: ContactRow, addresses: readonly Address[]): Shown => ({
  id: row.id,
  name: row.name,
  mobilePhone: row.mobilePhone,
  email: row.email,
  attributes: row.attributes as Shown['attributes'],
  addresses: addresses.map(({ channel, address }) => ({ channel, address })),
  active: row.active,
  preferredAgentIds: row.preferredAgentIds,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})

export const presentOptOut = (row: OptOutRow): z.infer<typeof optOutSchema> => ({
  channel: row.channel,
  customerAddress: row.customerAddress,
  source: row.source,
  createdAt: row.createdAt.toISOString(),
})
