import { randomBytes } from 'node:crypto'
import { triggers } from '../../src/automatic-messages/triggers.js'

/** What the references in a body name. */
export interface References {
  otherQueueId: string
  skillId: string
  agentId: string
  queueId: string
  numberId: string
  accountId: string
  contactId: string
  workstreamId: string
  mediaId: string
  conversationId: string
  capacityProfileId: string
  notificationTemplateId: string
  presenceStatusId: string
  operatingHoursId: string
  workstreamChannelId: string
}

let count = 0

const unique = (what: string): string => `${what} ${randomBytes(6).toString('hex')}`

const overflowInto = (queueId: string) => ({
  outOfHours: { action: 'other_queue', queueId },
  itemLimit: { limit: 100, action: 'other_queue', queueId },
  waitingTime: { minutes: 2880, action: 'other_queue', queueId },
})

/**
 * A body that each route takes, by the route's name; null for those that need none. Every route with a body must be
 * here: the tests that go over all routes fail without it.
 */
export const sampleBodies: Readonly<
  Record<string, (references: References) => Record<string, unknown> | null>
> = {
  'POST /v1/organizations': () => ({ name: unique('Organization') }),
  'PATCH /v1/organizations/:id': () => ({ channels: { sms: true } }),
  'POST /v1/api-keys': ({ agentId }) => ({ name: unique('Key'), role: 'agent', agentId }),
  'POST /v1/agents': () => ({
    name: unique('Agent'),
    email: `${randomBytes(8).toString('hex')}@example.com`,
    role: 'agent',
    capacityUnits: 2,
  }),
  'PATCH /v1/agents/:id': () => ({ capacityUnits: 50 }),
  'POST /v1/agents/:id/tokens': () => ({ ttlSeconds: 600 }),
  'PUT /v1/agents/:id/presence': () => ({ presence: 'available' }),
  'PUT /v1/me/presence': () => ({ presence: 'available' }),
  'POST /v1/capacity-profiles': () => ({ name: unique('Profile'), workItemLimit: 2, reset: 'immediate' }),
  'PATCH /v1/capacity-profiles/:id': () => ({ workItemLimit: 3 }),
  'PUT /v1/agents/:id/capacity-profiles/:profileId': () => ({ limit: 4 }),
  'POST /v1/contacts': ({ agentId }) => ({
    preferredAgentIds: [agentId],
    name: unique('Contact'),
    email: 'casey@example.com',
    attributes: { tier: 'gold' },
    addresses: [{ channel: 'whatsapp', address: 'US.13491208655302741918' }],
  }),
  'PATCH /v1/contacts/:id': ({ agentId }) => ({ name: unique('Contact'), preferredAgentIds: [agentId] }),
  'POST /v1/channel-accounts': () => ({
    name: unique('Account'),
    channel: 'sms',
    provider: 'twilio',
    credentials: {
      accountSid: `AC${randomBytes(16).toString('hex')}`,
      authToken: randomBytes(16).toString('hex'),
    },
  }),
  'PATCH /v1/channel-accounts/:id': () => ({ name: unique('Account') }),
  'POST /v1/channel-accounts/:id/validate': () => null,
  'POST /v1/channel-accounts/:id/backfill': () => ({ since: new Date(Date.now() - 60_000).toISOString() }),
  'POST /v1/channel-numbers': ({ accountId, workstreamId }) => ({
    accountId,
    number: `+1425${String(Math.random()).slice(2, 9)}`,
    description: 'Front desk',
    workstreamId,
    language: 'en-US',
  }),
  'PATCH /v1/channel-numbers/:id': () => ({ description: unique('Description') }),
  'POST /v1/quarantine/:id/release': () => null,
  'POST /v1/quarantine/release': ({ accountId }) => ({ accountId }),
  // A place has one message for each trigger
  'POST /v1/automatic-messages': ({ workstreamChannelId }) => ({
    channel: 'sms',
    workstreamChannelId,
    trigger: triggers[count++ % triggers.length],
    texts: { en: 'Welcome to {QueueName}', 'de-AT': 'Willkommen' },
  }),
  'PATCH /v1/automatic-messages/:id': () => ({ description: 'Changed' }),
  'POST /v1/operating-hours': () => ({
    name: unique('Hours'),
    timeZone: 'Europe/Berlin',
    weekly: { monday: [{ from: '08:00', to: '24:00' }] },
    exceptions: [{ date: '2026-12-24', intervals: [{ from: '08:00', to: '12:00' }] }],
    holidays: [{ name: 'Christmas', from: '2026-12-25', to: '2026-12-26' }],
  }),
  'PATCH /v1/operating-hours/:id': () => ({ description: 'Changed' }),
  'POST /v1/queues': ({ operatingHoursId, otherQueueId }) => ({
    name: unique('Queue'),
    priority: 10,
    serviceLevelSeconds: 60,
    overflow: overflowInto(otherQueueId),
    operatingHoursId,
  }),
  'PATCH /v1/queues/:id': ({ operatingHoursId, otherQueueId }) => ({
    assignment: 'round_robin',
    overflow: overflowInto(otherQueueId),
    operatingHoursId,
  }),
  'PUT /v1/workstreams/:id/classification-rules': ({ skillId, capacityProfileId }) => ({
    rulesets: [
      {
        name: 'Language',
        rules: [
          {
            name: 'German',
            when: { field: 'language', op: 'begins_with', value: 'de' },
            set: { context: { language: 'de' }, skills: [{ skillId, rating: 5 }], capacityProfileId },
          },
        ],
      },
    ],
  }),
  'POST /v1/workstreams/:id/try': () => ({
    customerAddress: '+12065550100',
    text: 'Hello',
    context: { tier: 'gold' },
  }),
  'POST /v1/skills': () => ({ name: unique('Skill'), maxRating: 5 }),
  'PATCH /v1/skills/:id': () => ({ name: unique('Skill') }),
  'PUT /v1/agents/:id/skills': ({ skillId }) => ({ skills: [{ skillId, rating: 3 }] }),
  'PUT /v1/routing-settings': () => ({ declineLimit: 2 }),
  'PUT /v1/queues/:id/members/:agentId': () => null,
  'POST /v1/workstreams': ({ queueId, capacityProfileId }) => ({
    name: unique('Workstream'),
    channel: 'whatsapp',
    distribution: 'pick',
    autoCloseAfterMinutes: 60,
    wrapUpBlock: { seconds: 60 },
    fallbackQueueId: queueId,
    capacityProfileId,
  }),
  'PATCH /v1/workstreams/:id': ({ queueId, capacityProfileId }) => ({
    fallbackQueueId: queueId,
    capacityProfileId,
  }),
  'POST /v1/workstreams/:id/channels': ({ numberId, operatingHoursId }) => ({
    numberId,
    operatingHoursId,
    language: 'en-US',
    attachments: {},
  }),
  'PATCH /v1/workstreams/:id/channels/:channelId': ({ operatingHoursId }) => ({
    operatingHoursId,
    language: 'de-DE',
    attachments: { agent: true },
  }),
  'PUT /v1/workstreams/:id/routing-rules': ({ queueId }) => ({
    rules: [
      { name: 'VIP', when: { all: [{ field: 'contact.name', op: 'equals', value: 'Casey' }] }, queueId },
    ],
  }),
  'POST /v1/notification-templates': () => ({
    name: unique('Template'),
    countdownSeconds: 60,
    fields: [{ label: 'Queue', value: '{queueName}' }],
  }),
  'PUT /v1/notification-templates/:id': () => ({ name: unique('Template'), title: '{customerName}' }),
  'PUT /v1/workstreams/:id/notifications': ({ notificationTemplateId }) => ({
    incomingAuthenticated: notificationTemplateId,
    incomingUnauthenticated: notificationTemplateId,
    transfer: notificationTemplateId,
    consult: notificationTemplateId,
    supervisorAssign: notificationTemplateId,
  }),
  'POST /v1/presence-statuses': () => ({ name: unique('Status'), presence: 'away' }),
  'PATCH /v1/presence-statuses/:id': () => ({ name: unique('Status') }),
  'PUT /v1/presence-settings': () => ({ doNotDisturbOnReject: false, inactiveOnMissedOffer: false }),
  'PUT /v1/closing-times': () => ({
    sms: { openMinutes: 43_200, activeMinutes: 43_200, wrapUpMinutes: 1440 },
    whatsapp: { openMinutes: 43_200, activeMinutes: 43_200, wrapUpMinutes: 1440 },
  }),
  'PUT /v1/workstreams/:id/timeout-rules': () => ({
    rules: [
      {
        name: unique('Rule'),
        active: true,
        event: 'customer_no_response',
        after: { value: 30, unit: 'days' },
        action: {
          type: 'message',
          to: 'agent',
          texts: { 'en-US': 'Still there?' },
          defaultLanguage: 'en-US',
        },
        priority: 1,
      },
    ],
  }),
  ...Object.fromEntries(
    ['accept', 'reject', 'pick', 'close', 'end', 'resume', 'release', 'force-close', 'read'].map((step) => [
      `POST /v1/conversations/:id/${step}`,
      () => null,
    ]),
  ),
  'POST /v1/conversations/:id/transfer': ({ agentId }) => ({ agentId }),
  'POST /v1/conversations/:id/consults': ({ agentId }) => ({ agentId }),
  'POST /v1/conversations/:id/consults/:consultId/add': () => null,
  'POST /v1/conversations/:id/consults/:consultId/remove': () => null,
  'POST /v1/conversations/:id/consults/:consultId/leave': () => null,
  'POST /v1/conversations/:id/assign': ({ agentId }) => ({ agentId }),
  'POST /v1/conversations/:id/monitor': () => null,
  'POST /v1/conversations/:id/join': () => null,
  'POST /v1/bulk-actions': ({ conversationId, agentId }) => ({
    conversationIds: [conversationId],
    action: { type: 'assign', agentId },
  }),
  'PUT /v1/supervision-settings': () => ({ transferToAgents: true }),
  'PUT /v1/conversations/:id/contact': ({ contactId }) => ({ contactId }),
  'POST /v1/conversations/:id/messages': ({ mediaId }) => ({ text: 'On its way', media: [{ id: mediaId }] }),
  'POST /v1/conversations/:id/messages/:messageId/resend': () => null,
  'POST /v1/conversations/:id/messages/:messageId/dismiss': () => null,
  'POST /v1/conversations/:id/notes': () => ({ text: 'A note' }),
}

/** Where a body names one row or another, the other one. */
export const otherBodies: typeof sampleBodies = {
  'PUT /v1/me/presence': ({ presenceStatusId }) => ({ presenceStatusId }),
  'PUT /v1/agents/:id/presence': ({ presenceStatusId }) => ({ presenceStatusId }),
  'POST /v1/conversations/:id/transfer': ({ queueId }) => ({ queueId }),
  'POST /v1/conversations/:id/assign': ({ queueId }) => ({ queueId }),
  'POST /v1/conversations/:id/consults': ({ queueId }) => ({ queueId }),
  'POST /v1/bulk-actions': ({ conversationId, queueId }) => ({
    conversationIds: [conversationId],
    action: { type: 'assign', queueId },
  }),
  'PUT /v1/workstreams/:id/routing-rules': ({ queueId }) => ({
    rules: [{ name: 'Split', when: { field: 'channel', op: 'exists' }, queues: [{ queueId, percent: 100 }] }],
  }),
}
