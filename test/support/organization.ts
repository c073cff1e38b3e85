import { randomBytes } from 'node:crypto'
import type { Response } from 'supertest'
import { expect } from 'vitest'
import { eventually, type ServiceDoor } from './service.js'

export interface TestAgent {
  id: string
  key: string
  name: string
}

export interface TestNumber {
  id: string
  accountId: string
  number: string
  callbackUrl: string
  credentials: Record<string, string>
}

export type ChannelKind = 'twilio sms' | 'twilio whatsapp' | 'telesign sms'

let counter = 0
const unique = (): number => 1_000_000 + counter++

/** A customer's phone that no other test has. */
export const newCustomer = (): string => `+1206${unique()}`

const hex = (bytes: number): string => randomBytes(bytes).toString('hex')

const credentialsFor = (kind: ChannelKind): Record<string, string> =>
  kind === 'telesign sms'
    ? { customerId: hex(8).toUpperCase(), apiKey: randomBytes(64).toString('base64') }
    : { accountSid: `AC${hex(16)}`, authToken: hex(16) }

/** An organization of one's own in a test's service, with what people do in it in their words. */
export class TestOrganization {
  private constructor(
    readonly service: ServiceDoor,
    readonly id: string,
    readonly adminKey: string,
  ) {}

  static async create(service: ServiceDoor, name = `Organization ${unique()}`): Promise<TestOrganization> {
    const { body } = await done(service.as(service.platformKey).post('/v1/organizations', { name }), 201)
    return new TestOrganization(service, body.id, body.apiKey.key)
  }

  /** The same organization, as another process of the service sees it. */
  through(service: ServiceDoor): TestOrganization {
    return new TestOrganization(service, this.id, this.adminKey)
  }

  get admin() {
    return this.service.as(this.adminKey)
  }

  async defaultQueue(): Promise<string> {
    const { body } = await done(this.admin.get('/v1/queues'), 200)
    return body.data.at(-1).id
  }

  async addQueue(name = `Queue ${unique()}`): Promise<string> {
    return (await done(this.admin.post('/v1/queues', { name }), 201)).body.id
  }

  /** An agent who is available and a member of these queues (the default one where none is named). */
  async addAgent(
    given: {
      capacityUnits?: number
      queues?: string[]
      presence?: string
      role?: string
      name?: string
      /** With an API key in place of a token, for a test that moves the clock beyond a token's life */
      lasting?: boolean
    } = {},
  ): Promise<TestAgent> {
    const { capacityUnits = 5, presence = 'available', role = 'agent', name = `Agent ${unique()}` } = given
    const email = `${unique()}@example.com`
    const { body: agent } = await done(
      this.admin.post('/v1/agents', { name, email, role, capacityUnits }),
      201,
    )
    const key = given.lasting ? await this.keyOf(agent.id, role) : await this.tokenOf(agent.id)
    for (const queue of given.queues ?? [await this.defaultQueue()]) {
      await done(this.admin.put(`/v1/queues/${queue}/members/${agent.id}`), 204)
    }
    if (presence !== 'offline') await done(this.service.as(key).put('/v1/me/presence', { presence }), 200)
    return { id: agent.id, key, name }
  }

  /** So many conversations at a time for each agent; 10 where nothing is said. */
  async allowSessions(sessionsPerAgent: number): Promise<void> {
    await done(this.admin.put('/v1/presence-settings', { sessionsPerAgent }), 200)
  }

  /** From now on nothing is offered to who is busy, so that an agent can be reached and have no offers. */
  async offersToAvailableOnly(): Promise<void> {
    for (const { id } of (await done(this.admin.get('/v1/workstreams'), 200)).body.data)
      await done(this.admin.patch(`/v1/workstreams/${id}`, { allowedPresences: ['available'] }), 200)
  }

  private async tokenOf(agentId: string): Promise<string> {
    return (await done(this.admin.post(`/v1/agents/${agentId}/tokens`, {}), 201)).body.token
  }

  private async keyOf(agentId: string, role: string): Promise<string> {
    const body = { name: `Key ${unique()}`, role, agentId }
    return (await done(this.admin.post('/v1/api-keys', body), 201)).body.key
  }

  /** Makes a workstream and puts the number to work in it. */
  async addWorkstream(number: TestNumber, options: Record<string, unknown> = {}): Promise<string> {
    const { channel = 'sms', attachments, ...rest } = options
    const { body } = await done(
      this.admin.post('/v1/workstreams', {
        name: `Workstream ${unique()}`,
        channel,
        distribution: 'push',
        autoCloseAfterMinutes: 480,
        ...rest,
      }),
      201,
    )
    const place = { numberId: number.id, ...(attachments !== undefined && { attachments }) }
    await done(this.admin.post(`/v1/workstreams/${body.id}/channels`, place), 201)
    return body.id
  }

  /** A number of a provider account that the simulator plays. */
  async addNumber(kind: ChannelKind, options: Record<string, unknown> = {}): Promise<TestNumber> {
    const [provider, channel] = kind.split(' ') as ['twilio' | 'telesign', 'sms' | 'whatsapp']
    const credentials = credentialsFor(kind)
    const { body: account } = await done(
      this.admin.post('/v1/channel-accounts', {
        name: `Account ${unique()}`,
        provider,
        channel,
        credentials,
      }),
      201,
    )
    const number = `+1425${unique()}`
    const { body } = await done(
      this.admin.post('/v1/channel-numbers', {
        accountId: account.id,
        number,
        // So that no test waits for the pace of a number, but those that say so
        messagesPerSecond: 1000,
        ...(channel === 'whatsapp' && { name: 'WhatsApp' }),
        ...options,
      }),
      201,
    )
    this.service.simulator.accounts.add({
      provider,
      channel,
      credentials: credentials as { accountSid: string; authToken: string },
      callbackUrl: account.callbackUrl,
      numbers: [{ number, channel }],
    })
    return { id: body.id, accountId: account.id, number, callbackUrl: account.callbackUrl, credentials }
  }

  /** The customer's text reaches the business as the provider would post it. */
  async customerTexts(
    from: string,
    to: TestNumber,
    text: string,
    more: Record<string, unknown> = {},
  ): Promise<any> {
    const answer = await fetch(`${this.service.simulator.url}/text`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ from, to: to.number, text, ...more }),
    })
    expect(answer.status, await answer.clone().text()).toBe(200)
    return answer.json()
  }

  as(agent: TestAgent) {
    return this.service.as(agent.key)
  }

  /** The newest conversation of a customer, as soon as the condition holds. */
  conversationOf(
    customer: string,
    holds: (conversation: any) => boolean = () => true,
    patience?: number,
  ): Promise<any> {
    return eventually(
      async () => {
        const { body } = await this.admin.get(
          `/v1/conversations?customerAddress=${encodeURIComponent(customer)}`,
        )
        return body.data?.[0]
      },
      (conversation) => conversation !== undefined && holds(conversation),
      patience,
    )
  }

  conversation(id: string, holds: (conversation: any) => boolean = () => true): Promise<any> {
    return eventually(async () => (await this.admin.get(`/v1/conversations/${id}`)).body, holds)
  }

  async messages(conversationId: string): Promise<any[]> {
    return (await done(this.admin.get(`/v1/conversations/${conversationId}/messages?limit=100`), 200)).body
      .data
  }

  message(conversationId: string, messageId: string, holds: (message: any) => boolean): Promise<any> {
    return eventually(
      async () => (await this.messages(conversationId)).find(({ id }) => id === messageId),
      (message) => message !== undefined && holds(message),
    )
  }

  /** A conversation that this agent has been offered and has accepted. */
  async acceptedConversation(
    agent: TestAgent,
    number: TestNumber,
    customer = newCustomer(),
    text = 'Hello',
  ): Promise<any> {
    await this.customerTexts(customer, number, text)
    const { id } = await this.conversationOf(
      customer,
      ({ agentId, status }) => status === 'active' && agentId === agent.id,
    )
    return (await done(this.as(agent).post(`/v1/conversations/${id}/accept`), 200)).body
  }
}

export async function done(call: Promise<Response>, status: number): Promise<Response> {
  const answer = await call
  expect(answer.status, JSON.stringify(answer.body)).toBe(status)
  return answer
}

/** A refusal with this code, and facts that come with it. */
export async function refused(
  call: Promise<Response>,
  status: number,
  code: string,
  members: object = {},
): Promise<any> {
  const answer = await call
  expect(answer.body).toMatchObject({ status, code, ...members })
  expect(answer.status).toBe(status)
  expect(answer.headers['content-type']).toContain('application/problem+json')
  return answer.body
}
