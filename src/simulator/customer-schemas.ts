import { z } from 'zod'
import { faultModes } from './faults.js'

const provider = z.enum(['twilio', 'telesign'])
const channel = z.enum(['sms', 'whatsapp'])
// Forms carry everything as text.
const number = z.coerce.number()
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])

export const accountSchema = z
  .strictObject({
    provider,
    /** For the numbers that name none. */
    channel: channel.default('sms'),
    credentials: z.union([
      z.strictObject({ accountSid: z.string().min(1), authToken: z.string().min(1) }),
      z.strictObject({ customerId: z.string().min(1), apiKey: z.string().min(1) }),
    ]),
    callbackUrl: z.url({ protocol: /^https?$/ }),
    numbers: z
      .array(
        z.strictObject({
          number: z.string().min(1),
          channel: channel.optional(),
          type: z.enum(['long_code', 'short_code', 'toll_free']).default('long_code'),
          capabilities: z
            .strictObject({ sms: z.boolean(), mms: z.boolean() })
            .default({ sms: true, mms: true }),
        }),
      )
      .default([]),
    options: z
      .strictObject({
        status: z.enum(['active', 'suspended', 'closed']),
        optOut: z.enum(['sync', 'async', 'off']),
        window: z.enum(['sync', 'async', 'lenient']),
        advancedOptOut: z.boolean(),
        messagingServiceSid: z.string().nullable(),
      })
      .partial()
      .default({}),
  })
  .refine((account) => (account.provider === 'twilio') === 'accountSid' in account.credentials, {
    path: ['credentials'],
    message: 'Twilio takes { accountSid, authToken }, Telesign takes { customerId, apiKey }',
  })

export type AccountRegistration = z.input<typeof accountSchema>

const media = z.union([
  z.string().min(1),
  z.strictObject({
    contentType: z.string().min(1),
    base64: z.string().optional(),
    text: z.string().optional(),
    fileName: z.string().optional(),
  }),
])

const textFields = {
  from: z.string().min(1),
  to: z.string().min(1),
  text: z.string().optional(),
  channel: channel.optional(),
  accountId: z.string().optional(),
  media: z.union([z.array(media), media.transform((one) => [one])]).optional(),
  location: z
    .strictObject({
      latitude: number,
      longitude: number,
      address: z.string().optional(),
      label: z.string().optional(),
    })
    .optional(),
  buttonPayload: z.string().optional(),
  replyToMessageSid: z.string().optional(),
  profileName: z.string().optional(),
  raw: z.record(z.string(), z.unknown()).optional(),
}

export const textSchema = z.strictObject(textFields)

export const forgeSchema = z.strictObject({
  ...textFields,
  /** Signs with this secret in place of the account's. */
  secret: z.string().default('not-the-secret'),
  /** Leaves the signature out altogether. */
  unsigned: flag.default(false),
})

export const replaySchema = z.strictObject({
  messageId: z.string().min(1),
  /** One reported status; by default the newest callback of the message. */
  status: z.string().optional(),
  times: number.int().min(1).max(1000).default(1),
  parallel: flag.default(false),
})

export const faultSchema = z.strictObject({
  provider: provider.optional(),
  accountId: z.string().optional(),
  to: z.string().optional(),
  on: z.enum(['send', 'read', 'callback']).default('send'),
  mode: z.enum(faultModes),
  /** The provider's error code, for `refuse` and `fail_delivery`. */
  code: z.coerce.string().optional(),
  delayMs: number.int().min(0).optional(),
  retryAfterSeconds: number.int().min(0).optional(),
  /** 0: until DELETE /faults. */
  times: number.int().min(0).default(1),
})

export const settingsSchema = z
  .strictObject({
    latencyMs: number.int().min(0).max(60_000),
    reports: flag,
    reportDelayMs: number.int().min(0).max(60_000),
    telesignRetryWaitsMs: z.array(number.int().min(0)).max(10),
    twilioRetryWaitMs: number.int().min(0).max(60_000),
  })
  .partial()

export const windowSchema = z.strictObject({
  customer: z.string().min(1),
  number: z.string().min(1),
  accountId: z.string().optional(),
  /** null: the customer has never written. */
  lastInboundAt: z.iso.datetime({ offset: true }).nullable(),
})

export const messageQuerySchema = z.strictObject({
  customer: z.string().optional(),
  number: z.string().optional(),
  accountId: z.string().optional(),
  channel: channel.optional(),
  direction: z.enum(['inbound', 'outbound']).optional(),
  limit: number.int().min(1).max(10_000).default(200),
})
