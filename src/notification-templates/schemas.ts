import { z } from 'zod'
import { id, name, time } from '../http/schemas.js'
import { unknownSlugs } from './offer-terms.js'

const maxFields = 4
const slugsHint =
  '{customerName}, {customerAddress}, {customerRecordId}, {businessNumber}, {channel}, {firstText}, {queueId}, {queueName}, {visitorLanguage}, {context.…}'

const withSlugs = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => unknownSlugs(text).length === 0, `What stands in braces must be one of ${slugsHint}.`)
    .meta({ description: `With slugs: ${slugsHint}` })

const button = z.string().trim().min(1).max(50)
const parts = {
  name,
  title: withSlugs(200),
  icon: z.string().max(500).nullable(),
  showTimeout: z.boolean().meta({ description: 'The countdown runs also where it is not shown' }),
  countdownSeconds: z.int().min(10).max(3600),
  autoAssign: z.boolean().meta({
    description: 'It is the agent’s when the countdown ends, and cannot be rejected. Not for a consult',
  }),
  autoAccept: z.boolean().meta({ description: 'With autoAssign only: it is the agent’s at once' }),
  acceptText: button.optional().meta({ description: '"Accept", or "Open" with autoAssign' }),
  rejectText: button
    .nullable()
    .optional()
    .meta({ description: '"Reject"; null takes the button away, and autoAssign does' }),
  desktopNotification: z.enum(['always', 'in_background', 'never']),
  fields: z
    .array(z.strictObject({ label: z.string().trim().min(1).max(100), value: withSlugs(200) }))
    .max(maxFields),
}

const onlyWithAutoAssign = {
  path: ['autoAccept'],
  message: 'Only together with autoAssign.',
}

export const templateBody = z
  .strictObject({
    ...parts,
    title: parts.title.default('{customerName}'),
    icon: parts.icon.default(null),
    showTimeout: parts.showTimeout.default(true),
    countdownSeconds: parts.countdownSeconds.default(120),
    autoAssign: parts.autoAssign.default(false),
    autoAccept: parts.autoAccept.default(false),
    desktopNotification: parts.desktopNotification.default('never'),
    fields: parts.fields.default([]),
  })
  .refine(({ autoAssign, autoAccept }) => autoAssign || !autoAccept, onlyWithAutoAssign)

export const templateSchema = z
  .object({
    id,
    name: z.string(),
    title: z.string(),
    icon: z.string().nullable(),
    showTimeout: z.boolean(),
    countdownSeconds: z.int(),
    autoAssign: z.boolean(),
    autoAccept: z.boolean(),
    acceptText: z.string(),
    rejectText: z.string().nullable(),
    desktopNotification: parts.desktopNotification,
    fields: z.array(z.object({ label: z.string(), value: z.string() })),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'NotificationTemplate' })

const slot = id.nullable()
const slotNames = {
  incomingAuthenticated: slot,
  incomingUnauthenticated: slot,
  transfer: slot,
  consult: slot,
  supervisorAssign: slot,
}

export const workstreamNotificationsBody = z.strictObject({
  incomingAuthenticated: slot.default(null),
  incomingUnauthenticated: slot.default(null),
  transfer: slot.default(null),
  consult: slot.default(null),
  supervisorAssign: slot.default(null),
})

export const workstreamNotificationsSchema = z
  .object(slotNames)
  .meta({ id: 'WorkstreamNotifications', description: 'Ids of templates; null: the defaults of the service' })
