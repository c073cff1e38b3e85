import { z } from 'zod'
import { name } from '../http/schemas.js'

const yearMinutes = 525_600
const maxRules = 50
const maxText = 1600

const minutes = z.int().min(1).max(yearMinutes)
const closingTimes = {
  openMinutes: minutes.meta({ description: '43200 (30 days) where nothing was set' }),
  activeMinutes: minutes.meta({ description: '43200 (30 days) where nothing was set' }),
  wrapUpMinutes: minutes.meta({ description: '1440 (a day) where nothing was set' }),
}

export const closingTimesSchema = z
  .object({ sms: z.object(closingTimes), whatsapp: z.object(closingTimes) })
  .meta({ id: 'ClosingTimes' })

export const closingTimesBody = z.strictObject({
  sms: z.strictObject(closingTimes),
  whatsapp: z.strictObject(closingTimes),
})

const unitMinutes = { minutes: 1, hours: 60, days: 1440 } as const
const unit = z.enum(['minutes', 'hours', 'days'])

const after = z
  .strictObject({ value: z.int().min(1).max(yearMinutes), unit })
  .refine(({ value, unit }) => value * unitMinutes[unit] <= yearMinutes, 'At most 365 days.')

const texts = z
  .record(z.string().min(2).max(35), z.string().min(1).max(maxText))
  .meta({ description: 'By language tag (BCP 47), for example "en-US"' })

const message = z
  .strictObject({
    type: z.literal('message'),
    to: z.enum(['customer', 'agent']).meta({ description: 'An agent sees it as a system note' }),
    texts,
    defaultLanguage: z.string(),
  })
  .refine(({ texts, defaultLanguage }) => Object.hasOwn(texts, defaultLanguage), {
    path: ['defaultLanguage'],
    message: 'There is no text in the default language.',
  })

const action = z.union([
  message,
  z.strictObject({ type: z.literal('close') }),
  z.strictObject({ type: z.literal('move_to_waiting') }).meta({ description: 'From active only' }),
])

const rule = z.strictObject({
  name,
  active: z.boolean().default(true),
  event: z.enum(['customer_no_response', 'agent_no_response']).meta({
    description: 'Who is silent: counted from the last message of the other side, while that is the last one',
  }),
  after,
  action,
  priority: z.int().min(1).max(1000).default(100).meta({
    description: 'Of rules with the same event and time, only the one with the lowest number is done',
  }),
})

export const timeoutRulesBody = z.strictObject({ rules: z.array(rule).max(maxRules) })

export const timeoutRulesSchema = z.object({ rules: z.array(rule) }).meta({ id: 'TimeoutRules' })
