import type { ChannelKind } from './organization.js'
import { done, type TestAgent, type TestNumber, TestOrganization } from './organization.js'
import type { ServiceDoor } from './service.js'

/** An agent with one accepted conversation, and how they answer. */
export interface ReplyDesk {
  org: TestOrganization
  agent: TestAgent
  number: TestNumber
  id: string
  customer: string
  lastInboundAt: Date
  /** The customer writes again, and it has been attached */
  customerTexts(text: string): Promise<void>
  /** The agent's call, whatever becomes of it */
  post(body: object, headers?: Record<string, string>): ReturnType<TestOrganization['admin']['post']>
  /** The agent's answer, which must be taken */
  reply(text: string): Promise<any>
  message(messageId: string, holds: (message: any) => boolean): Promise<any>
  becomes(messageId: string, status: string): Promise<any>
  /** The texts that the provider has taken for the customer, in order */
  sent(): string[]
}

/** @param numberOptions fields of the number, which otherwise sends as fast as it can */
export async function replyDesk(
  service: ServiceDoor,
  kind: ChannelKind,
  numberOptions: Record<string, unknown> = {},
): Promise<ReplyDesk> {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber(kind, numberOptions)
  const agent = await org.addAgent({ lasting: true })
  const accepted = await org.acceptedConversation(agent, number)
  const { id, customerAddress: customer } = accepted
  let received = 1
  const post = (body: object, headers: Record<string, string> = {}) =>
    org.as(agent).post(`/v1/conversations/${id}/messages`, body, headers)
  const message = (messageId: string, holds: (message: any) => boolean) => org.message(id, messageId, holds)
  return {
    org,
    agent,
    number,
    id,
    customer,
    lastInboundAt: new Date(accepted.lastInboundAt),
    async customerTexts(text) {
      await org.customerTexts(customer, number, text)
      received += 1
      await org.conversation(id, ({ unreadCount }) => unreadCount === received)
    },
    post,
    reply: async (text) => (await done(post({ text }), 202)).body,
    message,
    becomes: (messageId, status) => message(messageId, (row) => row.status === status),
    sent: () =>
      service.simulator
        .sent()
        .filter((one) => one.customer === customer && one.number === number.number)
        .map(({ text }) => text),
  }
}
