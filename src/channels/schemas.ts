import { z } from 'zod'
import { id, name, pageQuery, time } from '../http/schemas.js'

const channel = z.enum(['sms', 'whatsapp'])
const provider = z.enum(['telesign', 'twilio'])

const checkSchema = z.object({
  check: z.enum(['credentials', 'number']),
  number: z.string().optional(),
  ok: z.boolean(),
  code: z.string().optional(),
  detail: z.string(),
})

const validationSchema = z.object({
  status: z.enum(['not_validated', 'valid', 'invalid']),
  checkedAt: time.nullable(),
  checks: z.array(checkSchema),
})

export const validationResultSchema = z
  .object({ status: z.enum(['valid', 'invalid']), checkedAt: time, checks: z.array(checkSchema) })
  .meta({ id: 'ChannelAccountValidation' })

const providerSetupSchema = z
  .union([
    z.object({ to: z.string(), subject: z.string(), body: z.string() }),
    z.object({ console: z.string(), steps: z.array(z.string()) }),
  ])
  .meta({
    description:
      'What is to be done at the provider now: the mail to Telesign support, or where to paste the URL at Twilio',
  })

export const channelAccountSchema = z
  .object({
    id,
    name: z.string(),
    channel,
    provider,
    credentials: z
      .record(z.string(), z.string())
      .meta({ description: 'The secret is masked down to its last four characters' }),
    previousSecretUntil: time
      .nullable()
      .meta({ description: 'Until then callbacks that are signed with the secret before are accepted' }),
    sandbox: z.boolean(),
    callbackUrl: z.string().meta({ description: 'Where the provider must send inbound messages' }),
    providerSetup: providerSetupSchema,
    validation: validationSchema,
    quarantineDropped: z
      .int()
      .meta({ description: 'Callbacks with a bad signature that the bounded quarantine had to let go' }),
    backfill: z
      .object({
        checkedUntil: time
          .nullable()
          .meta({ description: "Up to here the provider's list was compared with what came" }),
        nextAt: time.nullable(),
        problem: z
          .string()
          .nullable()
          .meta({ description: 'Why the list could not be read; it is tried again' }),
      })
      .nullable()
      .meta({
        description:
          'The search for messages whose callbacks never came; null where the provider has no list',
      }),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'ChannelAccount' })

const credentials = z.record(z.string().max(100), z.string().max(1000)).meta({
  description: '{ customerId, apiKey } for Telesign, { accountSid, authToken } for Twilio',
})

export const createAccountBody = z.strictObject({
  name,
  channel,
  provider,
  credentials,
  sandbox: z.boolean().default(false).meta({ description: "Twilio's sandbox: ownership is not checked" }),
})

const mostHoursKept = 168

export const changeAccountBody = z
  .strictObject({
    name: name.optional(),
    sandbox: z.boolean().optional(),
    credentials: credentials.optional(),
    keepPreviousSecretForHours: z.int().min(0).max(mostHoursKept).optional().meta({
      description: 'With credentials: how long callbacks may still be signed with the secret before',
    }),
  })
  .refine((body) => body.credentials !== undefined || body.keepPreviousSecretForHours === undefined, {
    path: ['keepPreviousSecretForHours'],
    message: 'This goes with new credentials only.',
  })

export const backfillBody = z
  .strictObject({
    since: z.iso.datetime({ offset: true }).optional().meta({
      description: 'RFC 3339, at most 30 days ago. Absent: where the last comparison ended',
    }),
  })
  .nullish()

export const backfillResultSchema = z
  .object({
    supported: z.boolean().meta({ description: 'False at Telesign, which has no list of messages' }),
    since: time.nullable(),
    until: time.nullable().meta({ description: 'Everything before it was compared' }),
    complete: z
      .boolean()
      .meta({ description: 'False: the list is long. Call again with since set to this until' }),
    listed: z.int().meta({ description: "Customers' messages in the provider's list" }),
    recovered: z.int().meta({ description: 'Those that were missing. They appear in conversations shortly' }),
    alreadyKnown: z.int(),
    detail: z.string(),
  })
  .meta({ id: 'Backfill' })

const numberType = z
  .enum(['long_code', 'geo', 'short_code', 'toll_free'])
  .transform((type) => (type === 'geo' ? 'long_code' : type))
  .meta({ description: 'SMS only; geo is another name of long_code' })

const messagesPerSecond = z.int().min(1).max(1000)
const description = z.string().trim().max(500)

export const channelNumberSchema = z
  .object({
    id,
    accountId: id,
    channel,
    number: z.string().meta({ description: 'E.164, or the digits of a short code' }),
    type: z.enum(['long_code', 'short_code', 'toll_free']).nullable(),
    name: z.string().nullable(),
    description: z.string().nullable(),
    messagesPerSecond: z.int(),
    workstreamId: id,
    language: z.string(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'ChannelNumber' })

export const writtenNumberSchema = channelNumberSchema
  .extend({ warnings: z.array(z.string()) })
  .meta({ id: 'WrittenChannelNumber' })

const language = z
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

export const createNumberBody = z.strictObject({
  accountId: id,
  number: z.string().max(100),
  type: numberType.optional(),
  name: name.nullish(),
  description: description.nullish(),
  messagesPerSecond: messagesPerSecond
    .optional()
    .meta({ description: 'By type where absent: 1, 100 (short code), 3 (toll free); WhatsApp 80' }),
  workstreamId: id.optional().meta({ description: 'The built-in workstream of the channel where absent' }),
  language: language.optional(),
})

export const changeNumberBody = z.strictObject({
  name: name.nullish(),
  description: description.nullish(),
  type: numberType.optional(),
  messagesPerSecond: messagesPerSecond.optional(),
})

export const numberQuery = pageQuery.extend({ accountId: id.optional() })

export const keptCallbackSchema = z
  .object({
    id,
    accountId: id,
    kind: z.enum(['message', 'status', 'unknown']),
    state: z.enum(['quarantined', 'set_aside', 'pending']),
    reason: z.string().nullable(),
    detail: z.string().nullable().meta({ description: 'What is to be mended' }),
    providerKey: z.string(),
    receivedAt: time,
    attempts: z.int(),
    from: z
      .string()
      .nullable()
      .meta({ description: 'The customer’s address, of a message that can be read' }),
    to: z.string().nullable().meta({ description: 'Your number' }),
    text: z.string().nullable(),
    body: z.string().meta({ description: 'As the provider posted it' }),
  })
  .meta({ id: 'KeptCallback' })

export const releasedCallbackSchema = keptCallbackSchema
  .extend({
    duplicate: z
      .boolean()
      .meta({ description: 'The same had come with a good signature, so this one was removed' }),
  })
  .meta({ id: 'ReleasedCallback' })

export const quarantineQuery = pageQuery.extend({
  state: z.enum(['quarantined', 'set_aside']).optional(),
  reason: z.string().max(100).optional(),
  accountId: id.optional(),
})

export const releaseAllBody = z
  .strictObject({
    reason: z.string().max(100).optional().meta({ description: 'As in the list: processing_failed, …' }),
    accountId: id.optional(),
  })
  .refine(({ reason, accountId }) => reason !== undefined || accountId !== undefined, {
    error: 'name a reason or an account',
    path: ['reason'],
  })

export const releasedAllSchema = z
  .object({
    released: z.int(),
    hasMore: z.boolean().meta({ description: 'There may be more: call again' }),
  })
  .meta({ id: 'ReleasedCallbacks' })

export const callbackParams = z.object({ token: z.string().regex(/^[A-Za-z0-9_-]{43}$/) })
