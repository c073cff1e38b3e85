import { z } from 'zod'
import { id, pageQuery, time } from '../http/schemas.js'
import { language } from '../workstreams/schemas.js'
import { slugs, unknownSlugs, withoutSlugs } from './texts.js'
import { triggers } from './triggers.js'

const mostWritten = 2000
const mostSent = 1600
const mostLanguages = 50

const channel = z.enum(['sms', 'whatsapp'])
const trigger = z.enum(triggers)
const description = z.string().trim().max(500).nullable()

const text = z
  .string()
  .trim()
  .min(1)
  .max(mostWritten)
  .refine((written) => unknownSlugs(written).length === 0, {
    error: ({ input }) =>
      `There is no such slug: ${unknownSlugs(String(input)).join(', ')}. Known are ${slugs.map((slug) => `{${slug}}`).join(' and ')}.`,
  })
  .refine(
    (written) => withoutSlugs(written).length <= mostSent,
    `Without its slugs the text has more than ${mostSent} characters, which is the most that can be sent.`,
  )

const texts = z
  .record(language, text)
  .refine((all) => Object.keys(all).length >= 1 && Object.keys(all).length <= mostLanguages, {
    error: `Write a text in 1 to ${mostLanguages} languages.`,
  })
  .meta({
    description: `By language (BCP 47). {AgentName} and {QueueName} are filled in; at most ${mostSent} characters are sent`,
  })

export const automaticMessageSchema = z
  .object({
    id,
    channel,
    workstreamChannelId: id
      .nullable()
      .meta({ description: 'The number that it is for; null: all numbers of the channel' }),
    trigger,
    active: z.boolean(),
    description: z.string().nullable(),
    defaultLanguage: z.string(),
    texts: z.record(z.string(), z.string()),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'AutomaticMessage' })

export const createAutomaticMessageBody = z.strictObject({
  channel,
  workstreamChannelId: id.nullable().default(null),
  trigger,
  active: z.boolean().default(false),
  description: description.default(null),
  defaultLanguage: language.default('en'),
  texts: texts.optional().meta({ description: 'A text of the service, in English, where absent' }),
})

export const changeAutomaticMessageBody = z.strictObject({
  active: z.boolean().optional(),
  description: description.optional(),
  defaultLanguage: language.optional(),
  texts: texts.optional().meta({ description: 'Replaces all texts' }),
})

export const automaticMessagesQuery = pageQuery.extend({ channel: channel.optional() })
