import type { z } from 'zod'
import type { AutomaticMessage } from '../db/generated/client.js'
import type { automaticMessageSchema } from './schemas.js'
import type { Texts } from './texts.js'
import type { Trigger } from './triggers.js'

export const presentAutomaticMessage = (row: AutomaticMessage): z.infer<typeof automaticMessageSchema> => ({
  id: row.id,
  channel: row.channel,
  workstreamChannelId: row.workstreamChannelId,
  trigger: row.trigger as Trigger,
  active: row.active,
  description: row.description,
  defaultLanguage: row.defaultLanguage,
  texts: row.texts as Texts,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})
