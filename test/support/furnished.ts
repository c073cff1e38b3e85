import request from 'supertest'
import { EventListener } from './event-listener.js'
import { done, newCustomer, type TestAgent, type TestNumber, TestOrganization } from './organization.js'
import type { References } from './sample-bodies.js'
import type { TestService } from './service.js'

/** An organization that has something of everything. */
export interface Furnished {
  org: TestOrganization
  /** Ids by the path segment that they follow: `/queues/:id` is `ids.queues` */
  ids: Readonly<Record<string, string>>
  keys: { admin: string; supervisor: string; agent: string }
  agent: TestAgent
  supervisor: TestAgent
  number: TestNumber
  /** A file that no message has yet, of the agent */
  upload(): Promise<string>
  /** Of its number's account at the provider */
  credentials: Readonly<Record<string, string>>
  /** Marks whatever people named here, so that it can be looked for elsewhere */
  mark: string
}

const png = Buffer.from('89504e470d0a1a0a', 'hex')

/** Made through the API and the provider simulator alone; `mark` is a word that its names and texts carry. */
export async function furnish(
  service: TestService,
  mark: string,
  customer = newCustomer(),
): Promise<Furnished> {
  const org = await TestOrganization.create(service, `Organization ${mark}`)
  const { admin } = org
  const queue = await org.addQueue(`Queue ${mark}`)
  const agent = await org.addAgent({ queues: [queue], name: `Agent ${mark}`, capacityUnits: 50 })
  const supervisor = await org.addAgent({
    queues: [queue],
    name: `Supervisor ${mark}`,
    role: 'supervisor',
    presence: 'offline',
  })
  const post = async (path: string, body: unknown): Promise<string> =>
    (await done(admin.post(path, body, { 'idempotency-key': `${mark} ${path}` }), 201)).body.id
  const apiKey = await post('/v1/api-keys', { name: mark, role: 'admin' })
  const number = await org.addNumber('twilio sms', { description: mark })
  const capacityProfile = await post('/v1/capacity-profiles', { name: `Profile ${mark}`, workItemLimit: 5 })
  await done(admin.put(`/v1/agents/${agent.id}/capacity-profiles/${capacityProfile}`, {}), 200)
  const hours = await post('/v1/operating-hours', {
    name: `Hours ${mark}`,
    weekly: { monday: [{ from: '00:00', to: '24:00' }] },
  })
  const workstream = await post('/v1/workstreams', {
    name: `Workstream ${mark}`,
    channel: 'sms',
    distribution: 'push',
    autoCloseAfterMinutes: 480,
  })
  const channel = await post(`/v1/workstreams/${workstream}/channels`, {
    numberId: number.id,
    attachments: { customer: true, agent: true },
  })
  const automaticMessage = await post('/v1/automatic-messages', {
    channel: 'sms',
    trigger: 'session_ended',
    description: mark,
  })
  const rules = [{ name: mark, when: { field: 'channel', op: 'equals', value: 'sms' }, queueId: queue }]
  await done(admin.put(`/v1/workstreams/${workstream}/routing-rules`, { rules }), 200)
  const skill = await post('/v1/skills', { name: `Skill ${mark}`, maxRating: 10 })
  await done(admin.put(`/v1/agents/${agent.id}/skills`, { skills: [{ skillId: skill, rating: 3 }] }), 200)
  const classification = [
    {
      name: mark,
      rules: [{ name: mark, when: { field: 'channel', op: 'exists' }, set: { context: { mark } } }],
    },
  ]
  await done(
    admin.put(`/v1/workstreams/${workstream}/classification-rules`, { rulesets: classification }),
    200,
  )
  await done(admin.put('/v1/routing-settings', { declineLimit: 3 }), 200)
  const template = await post('/v1/notification-templates', { name: `Template ${mark}` })
  await done(admin.put(`/v1/workstreams/${workstream}/notifications`, { transfer: template }), 200)
  const status = await post('/v1/presence-statuses', { name: `Status ${mark}`, presence: 'away' })
  const switches = { doNotDisturbOnReject: false, inactiveOnMissedOffer: false }
  await done(admin.put('/v1/presence-settings', switches), 200)
  const times = { openMinutes: 43_200, activeMinutes: 43_200, wrapUpMinutes: 1440 }
  await done(admin.put('/v1/closing-times', { sms: times, whatsapp: times }), 200)
  const timeout = {
    name: mark,
    event: 'customer_no_response',
    after: { value: 30, unit: 'days' },
    action: { type: 'close' },
  }
  await done(admin.put(`/v1/workstreams/${workstream}/timeout-rules`, { rules: [timeout] }), 200)
  const contact = await post('/v1/contacts', {
    name: `Contact ${mark}`,
    mobilePhone: customer,
    addresses: [{ channel: 'whatsapp', address: `US.${mark}` }],
  })

  await done(admin.put('/v1/supervision-settings', { transferToAgents: true }), 200)

  await org.customerTexts(customer, number, `Hello ${mark}`, {
    media: [{ contentType: 'image/png', base64: png.toString('base64') }],
  })
  const conversation = await org.conversationOf(customer, ({ status }) => status === 'active')
  const worker = org.as(agent)
  await done(worker.post(`/v1/conversations/${conversation.id}/accept`), 200)
  const reply = await done(
    worker.post(`/v1/conversations/${conversation.id}/messages`, { text: `Answer ${mark}` }),
    202,
  )
  await org.message(conversation.id, reply.body.id, ({ status }) => status === 'delivered')
  const [question] = await org.messages(conversation.id)
  await org.message(conversation.id, question.id, ({ media }) => media[0].status === 'stored')
  const expert = await org.addAgent({ queues: [], name: `Expert ${mark}` })
  const consult = await done(
    worker.post(`/v1/conversations/${conversation.id}/consults`, { agentId: expert.id }),
    201,
  )
  await done(org.as(expert).post(`/v1/conversations/${conversation.id}/accept`), 200)
  const bulkAction = await done(
    org.as(supervisor).post('/v1/bulk-actions', {
      conversationIds: [conversation.id],
      action: { type: 'notify_agents', text: `Notice ${mark}` },
    }),
    202,
  )
  // Stands until the service stops: an agent's connection
  await EventListener.open(service, agent.key)
  await forgedText(service, newCustomer(), number.number, mark)
  const quarantined = (await done(admin.get('/v1/quarantine'), 200)).body.data[0].id
  const leaver = newCustomer()
  await org.customerTexts(leaver, number, 'STOP')
  await org.conversationOf(leaver)

  return {
    org,
    mark,
    agent,
    supervisor,
    number,
    keys: { admin: org.adminKey, supervisor: supervisor.key, agent: agent.key },
    credentials: number.credentials,
    upload: () => upload(service, agent.key),
    ids: {
      'api-keys': apiKey,
      agents: agent.id,
      skills: skill,
      'capacity-profiles': capacityProfile,
      'presence-statuses': status,
      'notification-templates': template,
      contacts: contact,
      'channel-accounts': number.accountId,
      'channel-numbers': number.id,
      quarantine: quarantined,
      'operating-hours': hours,
      'automatic-messages': automaticMessage,
      queues: queue,
      'other queues': await org.defaultQueue(),
      members: agent.id,
      workstreams: workstream,
      channels: channel,
      conversations: conversation.id,
      messages: reply.body.id,
      consults: consult.body.id,
      'bulk-actions': bulkAction.body.id,
      media: question.media[0].id,
    },
  }
}

async function forgedText(service: TestService, from: string, to: string, text: string): Promise<void> {
  await fetch(`${service.simulator.url}/forge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ from, to, text }),
  })
}

async function upload(service: TestService, key: string): Promise<string> {
  const answer = await request(service.url)
    .post('/v1/media')
    .set('authorization', `Bearer ${key}`)
    .attach('file', png, { filename: 'photo.png', contentType: 'image/png' })
  return answer.body.id
}

/** Fills in a route's parameters, each by the segment before it. Fails for a kind of row that nobody has furnished. */
export function fillPath(url: string, idFor: (segment: string) => string | undefined): string {
  return url.replace(/\/([^/]+)\/:\w+/g, (_whole, segment: string) => {
    const id = idFor(segment)
    if (id === undefined) throw new Error(`Furnish a row for /${segment}/: ${url} has no case without it`)
    return `/${segment}/${id}`
  })
}

/** The rows that a body in this organization may name. */
export const referencesOf = ({ ids }: Furnished): References => ({
  agentId: ids['agents'] ?? '',
  skillId: ids['skills'] ?? '',
  queueId: ids['queues'] ?? '',
  otherQueueId: ids['other queues'] ?? '',
  numberId: ids['channel-numbers'] ?? '',
  accountId: ids['channel-accounts'] ?? '',
  contactId: ids['contacts'] ?? '',
  workstreamId: ids['workstreams'] ?? '',
  mediaId: ids['media'] ?? '',
  conversationId: ids['conversations'] ?? '',
  capacityProfileId: ids['capacity-profiles'] ?? '',
  presenceStatusId: ids['presence-statuses'] ?? '',
  notificationTemplateId: ids['notification-templates'] ?? '',
  operatingHoursId: ids['operating-hours'] ?? '',
  workstreamChannelId: ids['channels'] ?? '',
})
