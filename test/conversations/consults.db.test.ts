import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestClock } from '../support/clock.js'
import { EventListener } from '../support/event-listener.js'
import {
  done,
  newCustomer,
  refused,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

interface Desk {
  org: TestOrganization
  number: TestNumber
  /** Has the conversation */
  agent: TestAgent
  /** Is asked about it, and is in no queue */
  expert: TestAgent
  id: string
  customer: string
}

async function desk(): Promise<Desk> {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent()
  const expert = await org.addAgent({ queues: [] })
  const customer = newCustomer()
  const { id } = await org.acceptedConversation(agent, number, customer)
  return { org, number, agent, expert, id, customer }
}

const path = ({ id }: Desk, rest = '') => `/v1/conversations/${id}${rest}`
const invite = (at: Desk, to: object = { agentId: at.expert.id }, by = at.agent) =>
  at.org.as(by).post(path(at, '/consults'), to)
const does = async (at: Desk, agent: TestAgent, step: string) =>
  (await done(at.org.as(agent).post(path(at, `/${step}`)), 200)).body
const consultsOf = async (at: Desk) => (await done(at.org.admin.get(path(at, '/consults')), 200)).body.data
const says = (at: Desk, agent: TestAgent, text: string) =>
  at.org.as(agent).post(path(at, '/messages'), { text })

/** The expert takes part. */
async function consulting(at: Desk): Promise<string> {
  const { body } = await done(invite(at), 201)
  await does(at, at.expert, 'accept')
  return body.id
}

describe('a consult', () => {
  it('is offered, accepted, and read without capacity; what is written in notes stays between agents', async () => {
    const at = await desk()
    const heard = await EventListener.open(service, at.expert.key)

    const invited = (await done(invite(at), 201)).body
    const offer = await heard.first(({ type }) => type === 'conversation.offered')
    const wasMine = (await at.org.as(at.expert).get('/v1/conversations?view=mine')).body.data
    const accepted = await does(at, at.expert, 'accept')
    await at.org.customerTexts(at.customer, at.number, 'My order is 4711')
    await heard.first(({ data }) => data.message?.text === 'My order is 4711')
    await done(at.org.as(at.agent).post(path(at, '/notes'), { text: 'Is that ours?' }), 201)
    await heard.first(({ type, data }) => type === 'message.noted' && data.message.text === 'Is that ours?')
    await done(at.org.as(at.expert).post(path(at, '/notes'), { text: 'It is.' }), 201)
    heard.stop()

    expect(invited).toMatchObject({ agentId: at.expert.id, invitedBy: at.agent.id, status: 'offered' })
    expect(offer.data).toMatchObject({
      offer: { kind: 'consult', firstText: 'Hello' },
      consult: { id: invited.id },
    })
    expect(wasMine.map((row: any) => row.id)).toEqual([at.id])
    expect(accepted).toMatchObject({ status: 'active', agentId: at.agent.id })
    const texts = (await at.org.as(at.expert).get(path(at, '/messages'))).body.data.map((m: any) => m.text)
    expect(texts).toEqual(['Hello', 'My order is 4711', 'Is that ours?', 'It is.'])
    const phone = await fetch(`${service.simulator.url}/phones/${encodeURIComponent(at.customer)}/messages`)
    expect(await phone.text()).not.toContain('It is.')
    expect((await at.org.admin.get(`/v1/agents/${at.expert.id}`)).body.usedUnits).toBe(0)
  })

  it('lets the expert write to the customer only once they are added', async () => {
    const at = await desk()
    const consultId = await consulting(at)
    await refused(says(at, at.expert, 'Hello from me'), 403, 'forbidden')

    const added = (await done(at.org.as(at.agent).post(path(at, `/consults/${consultId}/add`)), 200)).body
    const sent = (await done(says(at, at.expert, 'Hello from me'), 202)).body

    expect(added).toMatchObject({ status: 'added' })
    expect(sent.author).toMatchObject({ type: 'agent', id: at.expert.id })
    await at.org.message(at.id, sent.id, ({ status }) => status === 'delivered')
  })

  it('lets the expert read, and change nothing', async () => {
    const at = await desk()
    await consulting(at)
    const expert = at.org.as(at.expert)

    await refused(expert.post(path(at, '/read')), 403, 'forbidden')
    await refused(expert.delete(path(at, '/contact')), 403, 'forbidden')
    await refused(expert.post(path(at, '/end')), 409, 'already_assigned')
    await refused(expert.post(path(at, '/consults'), { agentId: at.agent.id }), 409, 'already_assigned')
    await done(expert.get(path(at, '/customer-summary')), 200)
  })

  it.each<[string, string, (at: Desk, consultId: string) => Promise<unknown>]>([
    [
      'the agent removes them',
      'removed',
      (at, consultId) => does(at, at.agent, `consults/${consultId}/remove`),
    ],
    ['they leave', 'left', (at, consultId) => does(at, at.expert, `consults/${consultId}/leave`)],
    ['the agent closes it', 'session_ended', (at) => does(at, at.agent, 'close')],
    ['the agent releases it', 'session_ended', (at) => does(at, at.agent, 'release')],
    ['it is force-closed', 'session_ended', (at) => done(at.org.admin.post(path(at, '/force-close')), 200)],
    [
      'it is transferred',
      'session_ended',
      async (at) => {
        const other = await at.org.addAgent()
        await done(at.org.as(at.agent).post(path(at, '/transfer'), { agentId: other.id }), 200)
        await does(at, other, 'accept')
      },
    ],
  ])('ends when %s: the expert sees and hears no more of it', async (_what, reason, happen) => {
    const at = await desk()
    const consultId = await consulting(at)
    const heard = await EventListener.open(service, at.expert.key)

    await happen(at, consultId)
    const last = await heard.first(({ data }) => data.conversation?.id === at.id)
    await at.org.customerTexts(at.customer, at.number, 'A secret')
    const other = newCustomer()
    await at.org.customerTexts(other, at.number, 'Something later')
    await at.org.conversationOf(other)
    await done(at.org.as(at.expert).put('/v1/me/presence', { presence: 'busy' }), 200)
    await heard.first(({ type }) => type === 'agent.presence_changed')
    heard.stop()

    expect(last).toBeDefined()
    expect(JSON.stringify(heard.heard)).not.toContain('A secret')
    expect(await consultsOf(at)).toMatchObject([{ status: 'ended', endReason: reason }])
    await refused(at.org.as(at.expert).get(path(at)), 404, 'not_found')
    await refused(says(at, at.expert, 'Still there'), 404, 'not_found')
  })

  it('goes on in wrap-up and while the agent is offline', async () => {
    const at = await desk()
    await consulting(at)

    await done(at.org.as(at.expert).put('/v1/me/presence', { presence: 'offline' }), 200)
    await does(at, at.agent, 'end')

    await done(at.org.as(at.expert).get(path(at)), 200)
    expect(await consultsOf(at)).toMatchObject([{ status: 'accepted' }])
  })

  it('is in the session’s participants, with when they came and went', async () => {
    const at = await desk()
    const consultId = await consulting(at)
    await does(at, at.expert, `consults/${consultId}/leave`)

    const [session] = (await at.org.admin.get(path(at, '/sessions'))).body.data

    const [consult] = await consultsOf(at)
    expect(session.participants).toEqual([
      { agentId: at.agent.id, mode: 'primary', joinedAt: session.acceptedAt, leftAt: null },
      { agentId: at.expert.id, mode: 'consult', joinedAt: consult.acceptedAt, leftAt: consult.endedAt },
    ])
  })
})

describe('an invitation', () => {
  it.each<[string, string, (at: Desk, consultId: string) => Promise<unknown>]>([
    ['is rejected', 'rejected', (at) => does(at, at.expert, 'reject')],
    ['is taken back', 'removed', (at, consultId) => does(at, at.agent, `consults/${consultId}/remove`)],
    [
      'is to an agent who goes offline',
      'agent_disconnected',
      (at) => done(at.org.as(at.expert).put('/v1/me/presence', { presence: 'offline' }), 200),
    ],
    [
      'is not answered for 120 seconds',
      'timeout',
      async (at) => {
        clock.forward(120_000)
        await eventually(
          () => consultsOf(at),
          ([consult]) => consult.status === 'ended',
        )
      },
    ],
  ])('ends where it %s, and changes nothing for the agent', async (_what, reason, happen) => {
    const at = await desk()
    const { body } = await done(invite(at), 201)

    await happen(at, body.id)

    expect(await consultsOf(at)).toMatchObject([{ status: 'ended', acceptedAt: null, endReason: reason }])
    expect(await at.org.conversation(at.id)).toMatchObject({ status: 'active', agentId: at.agent.id })
    await refused(at.org.as(at.expert).get(path(at)), 404, 'not_found')
    await done(at.org.as(at.agent).post(path(at, '/end')), 200)
  })

  it('goes to an available member of a queue', async () => {
    const at = await desk()
    const queueId = await at.org.addQueue()
    await refused(invite(at, { queueId }), 409, 'conflict')
    await at.org.addAgent({ queues: [queueId], presence: 'busy' })
    const free = await at.org.addAgent({ queues: [queueId] })

    const { body } = await done(invite(at, { queueId }), 201)

    expect(body.agentId).toBe(free.id)
  })

  it('is refused to whoever is away, takes part already, or would be the sixth', async () => {
    const at = await desk()
    const away = await at.org.addAgent({ queues: [], presence: 'away' })
    await refused(invite(at, { agentId: away.id }), 409, 'conflict')
    await refused(invite(at, { agentId: at.agent.id }), 409, 'conflict')
    for (let count = 0; count < 5; count++) {
      const { id } = await at.org.addAgent({ queues: [] })
      await done(invite(at, { agentId: id }), 201)
      await refused(invite(at, { agentId: id }), 409, 'conflict')
    }

    await refused(invite(at), 409, 'conflict')
  })

  it('is the agent’s who has accepted the conversation, and nobody else’s', async () => {
    const at = await desk()
    const colleague = await at.org.addAgent()
    await refused(invite(at, { agentId: at.expert.id }, colleague), 409, 'already_assigned')

    await does(at, at.agent, 'end')

    await refused(invite(at), 409, 'invalid_transition')
  })

  it('once ended is answered, added and left no more', async () => {
    const at = await desk()
    const { body } = await done(invite(at), 201)
    await refused(at.org.as(at.agent).post(path(at, `/consults/${body.id}/add`)), 409, 'conflict')
    await does(at, at.agent, `consults/${body.id}/remove`)

    await refused(at.org.as(at.agent).post(path(at, `/consults/${body.id}/remove`)), 409, 'conflict')
    await refused(at.org.as(at.expert).post(path(at, '/accept')), 404, 'not_found')
  })
})
