import { z } from 'zod'
import { id, pageQuery, time } from '../http/schemas.js'
import { parsePhoneInput, phoneFormat } from '../lib/phone-number.js'
import { addressFault } from './addresses.js'

const maxAddresses = 50
const maxAttributes = 100
const longestAttribute = 4000

const channel = z.enum(['sms', 'whatsapp'])
const contactName = z.string().trim().min(1).max(200)
const phone = z
  .string()
  .refine((value) => parsePhoneInput(value).ok, phoneFormat)
  .meta({ description: 'Country code first, with or without a plus' })
const email = z.email().max(320)

const addresses = z
  .array(
    z.strictObject({ channel, address: z.string().max(200) }).superRefine((value, context) => {
      const message = addressFault(value)
      if (message) context.addIssue({ code: 'custom', path: ['address'], message })
    }),
  )
  .max(maxAddresses)
  .meta({ description: 'Other phones, and WhatsApp ids that are no phone number' })

// PostgreSQL stores no NUL, and a name with a control character is a mistake
const attributeName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'The name of an attribute has no control characters.')

const attributes = z
  .record(attributeName, z.union([z.string().max(longestAttribute), z.number(), z.boolean()]))
  .refine(
    (record) => Object.keys(record).length <= maxAttributes,
    `A contact has at most ${maxAttributes} attributes.`,
  )

const mostPreferredAgents = 3
const preferredAgentIds = z
  .array(id)
  .max(mostPreferredAgents)
  .refine((ids) => new Set(ids).size === ids.length, 'An agent is named twice.')
  .meta({
    description: 'Who is to have this customer before others, in order, where the organization says so',
  })

export const contactSchema = z
  .object({
    id,
    name: z.string(),
    mobilePhone: z.string().nullable(),
    email: z.string().nullable(),
    attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    addresses: z.array(z.object({ channel, address: z.string() })),
    active: z.boolean(),
    preferredAgentIds: z.array(id),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Contact' })

export const writtenContactSchema = contactSchema
  .extend({ warnings: z.array(z.string()).meta({ description: 'Doubts about numbers that were taken' }) })
  .meta({ id: 'WrittenContact' })

export const createContactBody = z.strictObject({
  name: contactName,
  mobilePhone: phone.nullish(),
  email: email.nullish(),
  attributes: attributes.default({}),
  addresses: addresses.default([]),
  active: z.boolean().default(true),
  preferredAgentIds: preferredAgentIds.default([]),
})

export const changeContactBody = z.strictObject({
  name: contactName.optional(),
  mobilePhone: phone.nullish(),
  email: email.nullish(),
  attributes: attributes.optional().meta({ description: 'All of them: what is not named is removed' }),
  addresses: addresses.optional().meta({ description: 'All of them: what is not named is removed' }),
  active: z.boolean().optional(),
  preferredAgentIds: preferredAgentIds.optional(),
})

export const contactQuery = pageQuery.extend({
  // An unescaped plus arrives as a blank
  mobilePhone: z
    .string()
    .transform((value) => value.replace(/^ /, '+'))
    .pipe(phone)
    .optional(),
  q: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'A part of the name, the e-mail address or the phone number' }),
})

export const optOutSchema = z
  .object({
    channel,
    customerAddress: z.string(),
    source: z.string().meta({ description: '"keyword": the customer texted it; "provider": it said so' }),
    createdAt: time,
  })
  .meta({ id: 'OptOut' })
