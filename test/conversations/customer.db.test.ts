import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unknownId } from '../support/administration.js'
import { done, newCustomer, refused, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

async function desk() {
  const org = await TestOrganization.create(service)
  return { org, number: await org.addNumber('twilio sms'), agent: await org.addAgent() }
}

describe('linking', () => {
  it('a contact is linked by hand, stands for the customer from then on, and is unlinked', async () => {
    const { org, number, agent } = await desk()
    const { id } = await org.acceptedConversation(agent, number)
    const contact = (await done(org.admin.post('/v1/contacts', { name: 'Casey' }), 201)).body

    const linked = (
      await done(org.as(agent).put(`/v1/conversations/${id}/contact`, { contactId: contact.id }), 200)
    ).body
    const unlinked = (await done(org.as(agent).delete(`/v1/conversations/${id}/contact`), 200)).body

    expect(linked).toMatchObject({ contact: { id: contact.id, name: 'Casey' }, authenticated: true })
    expect(unlinked).toMatchObject({ contact: null, authenticated: false })
  })

  it('a contact of nobody or of another organization is refused alike', async () => {
    const { org, number, agent } = await desk()
    const { id } = await org.acceptedConversation(agent, number)
    const stranger = (await desk()).org
    const foreign = (await done(stranger.admin.post('/v1/contacts', { name: 'Foreign' }), 201)).body

    for (const contactId of [unknownId, foreign.id]) {
      const answer = await org.as(agent).put(`/v1/conversations/${id}/contact`, { contactId })
      expect(answer.body).toMatchObject({ code: 'validation_failed', errors: [{ path: 'contactId' }] })
    }
    expect((await org.conversation(id)).contact).toBeNull()
  })
})

describe('notes', () => {
  it('a note is seen by agents, sent to nobody, and carries its author', async () => {
    const { org, number, agent } = await desk()
    const { id, customerAddress } = await org.acceptedConversation(agent, number)

    const note = (await done(org.as(agent).post(`/v1/conversations/${id}/notes`, { text: 'VIP' }), 201)).body

    expect(note).toMatchObject({
      direction: 'internal',
      kind: 'note',
      status: null,
      text: 'VIP',
      author: { type: 'agent', id: agent.id, name: agent.name },
    })
    expect((await org.messages(id)).map(({ kind }) => kind)).toEqual(['text', 'note'])
    expect(service.simulator.sent().filter(({ customer }) => customer === customerAddress)).toEqual([])
  })

  it('an empty note is refused', async () => {
    const { org, number, agent } = await desk()
    const { id } = await org.acceptedConversation(agent, number)

    await refused(
      org.as(agent).post(`/v1/conversations/${id}/notes`, { text: '  ' }),
      422,
      'validation_failed',
    )
  })
})

it('reading marks all messages as read, and the next one counts again', async () => {
  const { org, number, agent } = await desk()
  const { id, customerAddress } = await org.acceptedConversation(agent, number)
  await org.customerTexts(customerAddress, number, 'And?')
  const before = await org.conversation(id, ({ unreadCount }) => unreadCount === 2)

  const read = (await done(org.as(agent).post(`/v1/conversations/${id}/read`), 200)).body
  await org.customerTexts(customerAddress, number, 'Hello?')

  expect([before.unreadCount, read.unreadCount]).toEqual([2, 0])
  await org.conversation(id, ({ unreadCount }) => unreadCount === 1)
})

describe('the customer in short', () => {
  it('is readable while the conversation is only offered, with what they wrote before', async () => {
    const { org, number, agent } = await desk()
    const customer = newCustomer()
    const contact = (
      await done(
        org.admin.post('/v1/contacts', {
          name: 'Casey',
          mobilePhone: customer,
          email: 'casey@example.com',
          attributes: { tier: 'gold' },
        }),
        201,
      )
    ).body
    const earlier = await org.acceptedConversation(agent, number, customer)
    for (const step of ['end', 'close'])
      await done(org.as(agent).post(`/v1/conversations/${earlier.id}/${step}`), 200)
    await org.customerTexts(customer, number, 'A second question')
    const offered = await org.conversationOf(
      customer,
      ({ id, status }) => id !== earlier.id && status === 'active',
    )

    const summary = (await done(org.as(agent).get(`/v1/conversations/${offered.id}/customer-summary`), 200))
      .body

    expect(offered.acceptedAt).toBeNull()
    expect(summary).toMatchObject({
      customerAddress: customer,
      contact: { id: contact.id, name: 'Casey', email: 'casey@example.com', attributes: { tier: 'gold' } },
      optedOut: false,
      recentConversations: [{ id: earlier.id, status: 'closed' }],
    })
    expect(summary.lastMessages.map(({ text }: { text: string }) => text)).toEqual(['A second question'])
  })

  it('says that the customer has opted out', async () => {
    const { org, number, agent } = await desk()
    const { id, customerAddress } = await org.acceptedConversation(agent, number)
    await org.customerTexts(customerAddress, number, 'STOP')
    await org.conversation(id, ({ unreadCount }) => unreadCount === 2)

    const summary = (await done(org.as(agent).get(`/v1/conversations/${id}/customer-summary`), 200)).body

    expect(summary.optedOut).toBe(true)
  })
})
