import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  done,
  newCustomer,
  refused,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

interface Desk {
  org: TestOrganization
  agent: TestAgent
  number: TestNumber
  /** What the agent does with the conversation, which must succeed */
  does(step: string, id: string): Promise<any>
}

async function desk(): Promise<Desk> {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent()
  const does = async (step: string, id: string) =>
    (await done(org.as(agent).post(`/v1/conversations/${id}/${step}`), 200)).body
  return { org, agent, number, does }
}

type State = 'open' | 'offered' | 'active' | 'waiting' | 'wrap_up' | 'closed'

/** A conversation that has come to this state by what people do. */
async function conversationIn(state: State, { org, agent, number, does }: Desk): Promise<string> {
  if (state === 'open') await org.as(agent).put('/v1/me/presence', { presence: 'away' })
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  if (state === 'open') return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
  const { id } = await org.conversationOf(customer, ({ agentId }) => agentId === agent.id)
  if (state !== 'offered') await does('accept', id)
  if (state === 'waiting') await does('close', id)
  if (state === 'wrap_up' || state === 'closed') await does('end', id)
  if (state === 'closed') await does('close', id)
  return id
}

const calls = ['accept', 'reject', 'pick', 'release', 'close', 'end', 'resume', 'force-close'] as const
type Call = (typeof calls)[number]

/** What each call leads to; every other call is refused with the state and what it allows. */
const table: Record<State, Partial<Record<Call, string>>> = {
  open: { pick: 'active', 'force-close': 'closed' },
  offered: { accept: 'active', reject: 'open', release: 'open', 'force-close': 'closed' },
  active: { accept: 'active', release: 'open', close: 'waiting', end: 'wrap_up', 'force-close': 'closed' },
  waiting: { resume: 'active', 'force-close': 'closed' },
  wrap_up: { close: 'closed', 'force-close': 'closed' },
  closed: {},
}

describe.each(Object.keys(table) as State[])('a conversation that is %s', (state) => {
  it('refuses what its state does not allow, and says what it does', async () => {
    const at = await desk()
    const id = await conversationIn(state, at)
    const status = state === 'offered' ? 'active' : state
    const others =
      { active: ['send', 'consult', 'transfer'], waiting: ['transfer'], open: ['assign'] }[state as string] ??
      []
    const allowed = [...Object.keys(table[state]), ...others]

    for (const call of calls.filter((each) => !(each in table[state]))) {
      const caller = call === 'force-close' ? at.org.admin : at.org.as(at.agent)
      const answer = await caller.post(`/v1/conversations/${id}/${call}`)

      expect({ call, status: answer.status, code: answer.body.code }).toEqual({
        call,
        status: 409,
        code: 'invalid_transition',
      })
      expect(answer.body.conversationStatus).toBe(status)
      expect([...answer.body.allowed].sort()).toEqual(allowed.sort())
    }
    expect((await at.org.conversation(id)).status).toBe(status)
  })

  it.each(Object.entries(table[state]))('on %s becomes %s', async (call, becomes) => {
    const at = await desk()
    const id = await conversationIn(state, at)
    const caller = call === 'force-close' ? at.org.admin : at.org.as(at.agent)

    const after = (await done(caller.post(`/v1/conversations/${id}/${call}`), 200)).body

    expect(after.status).toBe(becomes)
    expect(after.closedAt === null).toBe(becomes !== 'closed')
    expect(after.resolvedAt === null).toBe(call !== 'end' && state !== 'wrap_up')
  })
})

it.each<State>(['waiting', 'wrap_up', 'closed'])('nothing can be sent while it is %s', async (state) => {
  const at = await desk()
  const id = await conversationIn(state, at)

  const sending = at.org.as(at.agent).post(`/v1/conversations/${id}/messages`, { text: 'Hello?' })

  await refused(sending, 409, 'invalid_transition', { conversationStatus: state })
})

it('nothing can be sent before the offer is accepted, nor by another agent after', async () => {
  const at = await desk()
  const other = await at.org.addAgent({ capacityUnits: 1 })
  const id = await conversationIn('offered', at)
  const send = (agent: TestAgent) =>
    at.org.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'Hello?' })

  await refused(send(at.agent), 409, 'invalid_transition', { conversationStatus: 'active' })
  await at.does('accept', id)

  await refused(send(other), 409, 'already_assigned')
  await refused(at.org.admin.post(`/v1/conversations/${id}/messages`, { text: 'Hi' }), 403, 'forbidden')
})

it('an agent may not force a conversation closed', async () => {
  const at = await desk()
  const id = await conversationIn('active', at)

  await refused(at.org.as(at.agent).post(`/v1/conversations/${id}/force-close`), 403, 'forbidden')
})

describe('what the customer writes', () => {
  it.each<State>(['open', 'offered', 'active'])('joins a conversation that is %s', async (state) => {
    const at = await desk()
    const id = await conversationIn(state, at)
    const { customerAddress, status } = await at.org.conversation(id)

    await at.org.customerTexts(customerAddress, at.number, 'Are you there?')

    const after = await at.org.conversation(id, ({ unreadCount }) => unreadCount === 2)
    expect(after.status).toBe(status)
    expect((await at.org.conversationOf(customerAddress)).id).toBe(id)
  })

  it.each<State>(['wrap_up', 'closed'])(
    'opens a new conversation where the last one is %s',
    async (state) => {
      const at = await desk()
      const id = await conversationIn(state, at)
      const { customerAddress } = await at.org.conversation(id)

      await at.org.customerTexts(customerAddress, at.number, 'One more thing')

      const next = await at.org.conversationOf(customerAddress, (row) => row.id !== id)
      expect(next.unreadCount).toBe(1)
      expect((await at.org.conversation(id)).status).toBe(state)
    },
  )

  it('brings a waiting conversation back to the agent who had it, though another one is freer', async () => {
    const at = await desk()
    const id = await conversationIn('waiting', at)
    await at.org.addAgent({ capacityUnits: 50 })
    const { customerAddress } = await at.org.conversation(id)

    await at.org.customerTexts(customerAddress, at.number, 'I am back')

    const back = await at.org.conversation(id, ({ status }) => status === 'active')
    expect(back).toMatchObject({ agentId: at.agent.id, acceptedAt: null, unreadCount: 2 })
  })

  it('brings it to whoever is freest where the workstream does not keep the same agent', async () => {
    const at = await desk()
    await at.org.addWorkstream(at.number, { keepSameAgent: false })
    const id = await conversationIn('waiting', at)
    const freer = await at.org.addAgent({ capacityUnits: 50 })
    const { customerAddress } = await at.org.conversation(id)

    await at.org.customerTexts(customerAddress, at.number, 'I am back')

    const back = await at.org.conversation(id, ({ status }) => status === 'active')
    expect(back.agentId).toBe(freer.id)
  })

  it('brings it to another agent where the one who had it is away', async () => {
    const at = await desk()
    const id = await conversationIn('waiting', at)
    const other = await at.org.addAgent()
    await done(at.org.as(at.agent).put('/v1/me/presence', { presence: 'away' }), 200)
    const { customerAddress } = await at.org.conversation(id)

    await at.org.customerTexts(customerAddress, at.number, 'I am back')

    const back = await at.org.conversation(id, ({ status }) => status === 'active')
    expect(back.agentId).toBe(other.id)
  })
})

it('a waiting conversation is resumed by another agent of its queue, but by nobody else', async () => {
  const at = await desk()
  const id = await conversationIn('waiting', at)
  const colleague = await at.org.addAgent()
  const stranger = await at.org.addAgent({ queues: [] })
  const resume = (agent: TestAgent) => at.org.as(agent).post(`/v1/conversations/${id}/resume`)

  await refused(resume(stranger), 404, 'not_found')
  const resumed = (await done(resume(colleague), 200)).body

  expect(resumed).toMatchObject({ status: 'active', agentId: colleague.id, offerExpiresAt: null })
  expect(resumed.acceptedAt).not.toBeNull()
  await refused(resume(at.agent), 409, 'already_assigned')
})

it('every time that an agent was given the conversation is on record', async () => {
  const at = await desk()
  const id = await conversationIn('offered', at)
  const other = await at.org.addAgent({ capacityUnits: 1 })
  await at.does('reject', id)
  await at.org.conversation(id, ({ agentId }) => agentId === other.id)
  const otherDoes = async (step: string) =>
    (await done(at.org.as(other).post(`/v1/conversations/${id}/${step}`), 200)).body
  for (const step of ['accept', 'close', 'resume', 'end', 'close']) await otherDoes(step)

  const { body } = await done(at.org.admin.get(`/v1/conversations/${id}/sessions`), 200)

  expect(body.data).toMatchObject([
    { agentId: at.agent.id, acceptedAt: null, closureReason: 'agent_reject' },
    { agentId: other.id, closureReason: 'agent_closed' },
    { agentId: other.id, offeredAt: null, closureReason: 'agent_ended_conversation' },
  ])
  for (const session of body.data) expect(session.closedAt).not.toBeNull()
  expect(body.data[1].acceptedAt).not.toBeNull()
  expect(body.data[2].acceptedAt).not.toBeNull()
})
