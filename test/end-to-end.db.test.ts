import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ChannelKind, done, newCustomer, TestOrganization } from './support/organization.js'
import { startService, type TestService } from './support/service.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})

afterAll(() => service.close())

describe.each<ChannelKind>(['twilio sms', 'twilio whatsapp', 'telesign sms'])(
  'a conversation over %s',
  (kind) => {
    it('reaches an agent, is answered, and the answer reaches the customer', async () => {
      const org = await TestOrganization.create(service)
      const agent = await org.addAgent()
      const number = await org.addNumber(kind)
      const customer = newCustomer()
      await done(org.admin.post('/v1/contacts', { name: 'Casey', mobilePhone: customer }), 201)

      await org.customerTexts(customer, number, 'Where is my order? 📦')
      const offered = await org.conversationOf(customer, ({ status }) => status === 'active')
      const accepted = (await done(org.as(agent).post(`/v1/conversations/${offered.id}/accept`), 200)).body
      const reply = (
        await done(
          org.as(agent).post(`/v1/conversations/${offered.id}/messages`, { text: 'On its way ✓' }),
          202,
        )
      ).body
      const delivered = await org.message(offered.id, reply.id, ({ status }) =>
        ['delivered', 'read'].includes(status),
      )

      expect(offered).toMatchObject({
        agentId: agent.id,
        acceptedAt: null,
        authenticated: true,
        contact: { name: 'Casey' },
      })
      expect(accepted.acceptedAt).not.toBeNull()
      expect(reply).toMatchObject({
        status: 'queued',
        direction: 'outbound',
        author: { type: 'agent', id: agent.id },
      })
      expect(delivered).toMatchObject({ text: 'On its way ✓', error: null })
      expect(service.simulator.sent().filter((sent) => sent.customer === customer)).toMatchObject([
        { text: 'On its way ✓' },
      ])
      const [question] = await org.messages(offered.id)
      expect(question).toMatchObject({
        text: 'Where is my order? 📦',
        direction: 'inbound',
        status: 'received',
      })
    })

    it('is closed to wait, returns to the same agent when the customer writes again, and is ended', async () => {
      const org = await TestOrganization.create(service)
      const agent = await org.addAgent()
      const number = await org.addNumber(kind)
      const customer = newCustomer()
      const first = await org.acceptedConversation(agent, number, customer)
      await org.addAgent({ capacityUnits: 50 })
      const holder = org.as(agent)

      const waiting = (await done(holder.post(`/v1/conversations/${first.id}/close`), 200)).body
      await org.customerTexts(customer, number, 'One more thing')
      const back = await org.conversation(first.id, ({ status }) => status === 'active')
      await done(holder.post(`/v1/conversations/${first.id}/accept`), 200)
      const ended = (await done(holder.post(`/v1/conversations/${first.id}/end`), 200)).body
      const closed = (await done(holder.post(`/v1/conversations/${first.id}/close`), 200)).body

      expect(waiting).toMatchObject({ status: 'waiting', agentId: agent.id })
      expect(back).toMatchObject({ id: first.id, agentId: agent.id, acceptedAt: null })
      expect(ended).toMatchObject({ status: 'wrap_up' })
      expect(ended.resolvedAt).not.toBeNull()
      expect(closed).toMatchObject({ status: 'closed', agentId: agent.id })
    })
  },
)
