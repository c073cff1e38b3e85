import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EventListener } from '../support/event-listener.js'
import { done, newCustomer, type TestAgent, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

describe('a full conversation', () => {
  it('is heard in order, each step with the objects as the API shows them', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio whatsapp')
    const agent = await org.addAgent({ presence: 'offline' })
    const queueId = await org.defaultQueue()
    const customer = newCustomer()
    const listener = await EventListener.open(service, org.adminKey)
    const does = (step: string, id: string) =>
      done(org.as(agent).post(`/v1/conversations/${id}/${step}`), 200)

    await done(org.as(agent).put('/v1/me/presence', { presence: 'available' }), 200)
    await org.customerTexts(customer, number, 'Where is it?', { profileName: 'Casey' })
    const { id } = await org.conversationOf(customer, ({ status }) => status === 'active')
    await does('accept', id)
    const contact = (await done(org.admin.post('/v1/contacts', { name: 'Casey' }), 201)).body
    await done(org.as(agent).put(`/v1/conversations/${id}/contact`, { contactId: contact.id }), 200)
    const reply = (await done(org.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'Here' }), 202))
      .body
    await listener.first(({ type }) => type === 'message.read')
    await does('close', id)
    await does('resume', id)
    await does('end', id)
    await does('close', id)
    await listener.until(
      (heard) =>
        heard.some(({ type }) => type === 'conversation.closed') &&
        heard.at(-1)?.type === 'agent.presence_changed',
    )
    listener.stop()

    expect(listener.types).toEqual([
      'agent.presence_changed',
      'conversation.opened',
      'message.received',
      'conversation.queued',
      'conversation.offered',
      'agent.presence_changed',
      'conversation.assigned',
      'conversation.linked',
      'message.queued',
      'message.sent',
      'message.delivered',
      'message.read',
      'conversation.waiting',
      'agent.presence_changed',
      'conversation.assigned',
      'agent.presence_changed',
      'conversation.wrap_up',
      'conversation.closed',
      'agent.presence_changed',
    ])
    for (const { type, data } of listener.heard) {
      expect(data).toMatchObject({ type, at: expect.stringMatching(/^\d{4}-.*Z$/) })
    }
    const [offered] = listener.heard.filter(({ type }) => type === 'conversation.offered')
    expect(offered?.data).toMatchObject({
      conversation: { id, agentId: agent.id, acceptedAt: null },
      offer: {
        customer: 'Casey',
        customerAddress: customer,
        authenticated: false,
        queue: { id: queueId },
        firstText: 'Where is it?',
        offerExpiresAt: offered?.data.conversation.offerExpiresAt,
      },
    })
    const [received] = listener.heard.filter(({ type }) => type === 'message.received')
    expect(received?.data.message).toMatchObject({ text: 'Where is it?', conversationId: id })
    const [read] = listener.heard.filter(({ type }) => type === 'message.read')
    expect(read?.data.message).toMatchObject({ id: reply.id, status: 'read' })
    expect(listener.heard.find(({ type }) => type === 'conversation.closed')?.data.conversation).toEqual(
      (await org.admin.get(`/v1/conversations/${id}`)).body,
    )
  })

  it('what goes wrong with a message is heard, too', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const agent = await org.addAgent()
    const listener = await EventListener.open(service, agent.key)
    const refusedCustomer = '+15005550009'
    const undelivered = await org.acceptedConversation(agent, number)
    const failed = await org.acceptedConversation(agent, number, refusedCustomer)
    await fetch(`${service.simulator.url}/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ to: undelivered.customerAddress, mode: 'fail_delivery', code: '30003' }),
    })

    for (const { id } of [undelivered, failed])
      await done(org.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'Hello' }), 202)

    const first = await listener.first(({ type }) => type === 'message.undelivered')
    const second = await listener.first(({ type }) => type === 'message.failed')
    listener.stop()
    expect(first.data.message).toMatchObject({
      conversationId: undelivered.id,
      error: { providerCode: '30003' },
    })
    expect(second.data.message).toMatchObject({ conversationId: failed.id, error: { providerCode: '21614' } })
  })
})

describe('who hears what', () => {
  it('agents their own conversations and what is open in their queues, supervisors their queues, nobody another organization', async () => {
    const org = await TestOrganization.create(service)
    const [one, two] = [await org.addNumber('twilio sms'), await org.addNumber('twilio sms')]
    const [queueOne, queueTwo] = [await org.addQueue(), await org.addQueue()]
    await org.addWorkstream(one, { fallbackQueueId: queueOne })
    await org.addWorkstream(two, { fallbackQueueId: queueTwo })
    const holder = await org.addAgent({ queues: [queueOne] })
    const colleague = await org.addAgent({ queues: [queueOne], presence: 'away' })
    const stranger = await org.addAgent({ queues: [queueTwo], presence: 'away' })
    const supervisor = await org.addAgent({ role: 'supervisor', queues: [queueTwo], presence: 'away' })
    const foreign = await TestOrganization.create(service)
    const listen = ({ key }: Pick<TestAgent, 'key'>) => EventListener.open(service, key)
    const heardBy = {
      holder: await listen(holder),
      colleague: await listen(colleague),
      stranger: await listen(stranger),
      supervisor: await listen(supervisor),
      foreign: await listen({ key: foreign.adminKey }),
      admin: await listen({ key: org.adminKey }),
    }

    const { id } = await org.acceptedConversation(holder, one)
    await done(org.as(holder).post(`/v1/conversations/${id}/messages`, { text: 'Hello' }), 202)
    await heardBy.admin.first(({ type }) => type === 'message.delivered')
    const customer = newCustomer()
    await org.customerTexts(customer, two, 'Hello')
    const other = await org.conversationOf(customer, ({ queueId }) => queueId !== null)
    for (const who of ['stranger', 'supervisor', 'admin'] as const)
      await heardBy[who].first(
        ({ type, data }) => type === 'conversation.queued' && data.conversation.id === other.id,
      )
    for (const listener of Object.values(heardBy)) listener.stop()

    const about = (who: keyof typeof heardBy, conversationId: string) =>
      heardBy[who].heard
        .filter(({ data }) => (data.conversation?.id ?? data.message?.conversationId) === conversationId)
        .map(({ type }) => type)
    const sending = ['message.queued', 'message.sent', 'message.delivered']
    expect(about('holder', id)).toEqual([
      'conversation.queued',
      'conversation.offered',
      'conversation.assigned',
      ...sending,
    ])
    expect(about('colleague', id)).toEqual(['conversation.queued', 'conversation.offered'])
    expect(about('stranger', id)).toEqual([])
    expect(about('supervisor', id)).toEqual([])
    expect(about('holder', other.id)).toEqual([])
    expect(about('supervisor', other.id)).toEqual(['conversation.queued'])
    expect(about('stranger', other.id)).toEqual(['conversation.queued'])
    expect(heardBy.foreign.heard).toEqual([])
  })
})
