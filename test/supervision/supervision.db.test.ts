import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EventListener } from '../support/event-listener.js'
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
  number: TestNumber
  agent: TestAgent
  supervisor: TestAgent
}

async function desk(): Promise<Desk> {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  await org.offersToAvailableOnly()
  const agent = await org.addAgent()
  const supervisor = await org.addAgent({ role: 'supervisor', presence: 'busy' })
  return { org, number, agent, supervisor }
}

const call = ({ org }: Desk, who: TestAgent, [id, step]: [string, string], body?: object) =>
  org.as(who).post(`/v1/conversations/${id}/${step}`, body)
const used = async ({ org }: Desk, { id }: TestAgent) =>
  (await org.admin.get(`/v1/agents/${id}`)).body.usedUnits

/** One that is open until somebody picks it. */
async function openConversation({ org }: Desk, workstream: object = {}): Promise<string> {
  const number = await org.addNumber('twilio sms')
  await org.addWorkstream(number, { distribution: 'pick', ...workstream })
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
}

describe('assigning', () => {
  it('offers an open conversation to an agent, who hears that it is an assignment', async () => {
    const at = await desk()
    const id = await openConversation(at)
    const heard = await EventListener.open(service, at.agent.key)

    const assigned = (await done(call(at, at.supervisor, [id, 'assign'], { agentId: at.agent.id }), 200)).body
    const offer = await heard.first(({ type }) => type === 'conversation.offered')
    heard.stop()
    const accepted = (await done(call(at, at.agent, [id, 'accept']), 200)).body

    expect(assigned).toMatchObject({
      status: 'active',
      statusReason: 'assigned_by_supervisor',
      agentId: at.agent.id,
      acceptedAt: null,
    })
    expect(offer.data.offer.kind).toBe('supervisor_assign')
    expect(accepted.acceptedAt).not.toBeNull()
    expect(await used(at, at.agent)).toBe(1)
    const { body } = await at.org.admin.get(`/v1/conversations/${id}/history`)
    expect(body.data.at(-2)).toMatchObject({
      happening: 'assigned',
      by: { type: 'supervisor', id: at.supervisor.id },
    })
  })

  it.each([
    ['is full', { capacityUnits: 0 }],
    ['is away', { presence: 'away' }],
    ['is offline', { presence: 'offline' }],
  ])('is refused where the agent %s, unless it overrides', async (_what, given) => {
    const at = await desk()
    const id = await openConversation(at)
    const agent = await at.org.addAgent(given)

    await refused(call(at, at.supervisor, [id, 'assign'], { agentId: agent.id }), 409, 'conflict')
    const before = await used(at, agent)
    await done(call(at, at.supervisor, [id, 'assign'], { agentId: agent.id, override: true }), 200)

    expect([before, await used(at, agent)]).toEqual([0, 1])
  })

  it.each([
    ['available', 200],
    ['do_not_disturb', 200],
    ['busy', 409],
  ])('goes by the presences that the workstream offers to: %s is answered %i', async (presence, status) => {
    const at = await desk()
    const id = await openConversation(at, { allowedPresences: ['available', 'do_not_disturb'] })
    const agent = await at.org.addAgent({ presence })

    const answer = await call(at, at.supervisor, [id, 'assign'], { agentId: agent.id })
    const forced = { agentId: agent.id, override: true }
    if (status === 409) await done(call(at, at.supervisor, [id, 'assign'], forced), 200)

    expect(answer.status).toBe(status)
    if (status === 409) expect(answer.body.detail).toContain(`${agent.name} is busy, and the workstream`)
    expect((await at.org.conversation(id)).agentId).toBe(agent.id)
  })

  it('moves an open conversation to another queue', async () => {
    const at = await desk()
    await done(at.org.as(at.agent).put('/v1/me/presence', { presence: 'busy' }), 200)
    const customer = newCustomer()
    await at.org.customerTexts(customer, at.number, 'Hello')
    const { id } = await at.org.conversationOf(customer, ({ queueId }) => queueId !== null)
    const queueId = await at.org.addQueue()
    const member = await at.org.addAgent({ queues: [queueId] })

    const moved = (await done(call(at, at.supervisor, [id, 'assign'], { queueId }), 200)).body

    expect(moved).toMatchObject({ status: 'open', queueId, transferCount: 0 })
    await at.org.conversation(id, ({ agentId }) => agentId === member.id)
  })

  it('is refused for what is not open, and to agents', async () => {
    const at = await desk()
    const { id } = await at.org.acceptedConversation(at.agent, at.number)

    await refused(
      call(at, at.supervisor, [id, 'assign'], { agentId: at.agent.id }),
      409,
      'invalid_transition',
    )
    await refused(call(at, at.agent, [id, 'assign'], { agentId: at.agent.id }), 403, 'forbidden')
  })
})

describe('monitoring', () => {
  it('hears and reads without writing; whoever joins writes, and the agent is told', async () => {
    const at = await desk()
    // Of another queue, so that it is monitoring by which they hear
    const watcher = await at.org.addAgent({ role: 'supervisor', presence: 'busy' })
    const { id, customerAddress } = await at.org.acceptedConversation(at.agent, at.number)
    const heard = await EventListener.open(service, at.agent.key)
    await done(call(at, watcher, [id, 'monitor']), 200)
    await done(call(at, watcher, [id, 'monitor']), 200)
    await done(at.org.admin.delete(`/v1/queues/${await at.org.defaultQueue()}/members/${watcher.id}`), 204)
    const watched = await EventListener.open(service, watcher.key)

    await at.org.customerTexts(customerAddress, at.number, 'Are you there?')
    await watched.first(({ data }) => data.message?.text === 'Are you there?')
    watched.stop()
    await refused(call(at, watcher, [id, 'messages'], { text: 'Hello' }), 403, 'forbidden')
    expect(heard.types).not.toContain('conversation.participants_changed')
    await done(call(at, watcher, [id, 'join']), 200)
    const told = await heard.first(({ type }) => type === 'conversation.participants_changed')
    heard.stop()
    await done(call(at, watcher, [id, 'messages'], { text: 'I am here, too' }), 202)

    expect(told.data.participant).toMatchObject({ agentId: watcher.id, mode: 'monitor' })
    expect(await used(at, watcher)).toBe(0)
    await done(at.org.as(watcher).delete(`/v1/conversations/${id}/monitor`), 200)
    await refused(at.org.as(watcher).get(`/v1/conversations/${id}`), 404, 'not_found')
  })

  it.each([
    ['active', 200, []],
    ['waiting', 200, ['close']],
    ['wrap_up', 200, ['end']],
    ['closed', 409, ['end', 'close']],
  ])('%s: answers %i', async (_state, status, steps) => {
    const at = await desk()
    const { id } = await at.org.acceptedConversation(at.agent, at.number)
    for (const step of steps) await done(call(at, at.agent, [id, step]), 200)

    expect((await call(at, at.supervisor, [id, 'monitor'])).status).toBe(status)
  })

  it('is refused for what nobody has accepted, for one’s own, and joining without it', async () => {
    const at = await desk()
    const own = await at.org.addAgent({ role: 'supervisor', presence: 'busy' })
    const open = await openConversation(at)
    await refused(call(at, at.supervisor, [open, 'monitor']), 409, 'invalid_transition')
    await refused(call(at, at.supervisor, [open, 'join']), 409, 'conflict')

    await done(call(at, own, [open, 'pick']), 200)

    await refused(call(at, own, [open, 'monitor']), 409, 'conflict')
  })

  it('ends with the agent’s session, and agents do not see who watched', async () => {
    const at = await desk()
    const { id } = await at.org.acceptedConversation(at.agent, at.number)
    await done(call(at, at.supervisor, [id, 'monitor']), 200)
    await done(call(at, at.agent, [id, 'close']), 200)

    const modes = async (who: TestAgent) =>
      (await at.org.as(who).get(`/v1/conversations/${id}/sessions`)).body.data[0].participants.map(
        ({ mode, leftAt }: any) => [mode, leftAt !== null],
      )

    expect(await modes(at.supervisor)).toEqual([
      ['primary', true],
      ['monitor', true],
    ])
    expect(await modes(at.agent)).toEqual([['primary', true]])
    await refused(call(at, at.supervisor, [id, 'join']), 409, 'conflict')
  })
})

describe('what an organization turns off', () => {
  it.each([
    ['monitor', 'monitor', undefined],
    ['forceClose', 'force-close', undefined],
    ['transfer', 'transfer', 'agent'],
    ['assign', 'assign', 'agent'],
  ])('%s: supervisors may not %s any more, an admin may', async (setting, step, target) => {
    const at = await desk()
    const colleague = await at.org.addAgent({ presence: 'busy' })
    const id =
      setting === 'assign'
        ? await openConversation(at)
        : (await at.org.acceptedConversation(at.agent, at.number)).id
    const body = target ? { agentId: colleague.id } : undefined
    const { body: before } = await done(at.org.admin.get('/v1/supervision-settings'), 200)

    await done(at.org.admin.put('/v1/supervision-settings', { ...before, [setting]: false }), 200)

    await refused(call(at, at.supervisor, [id, step], body), 403, 'forbidden')
    await refused(at.org.as(at.supervisor).put('/v1/supervision-settings', before), 403, 'forbidden')
    if (setting !== 'monitor') await done(at.org.admin.post(`/v1/conversations/${id}/${step}`, body), 200)
  })

  it('is nothing until an admin says so', async () => {
    const at = await desk()

    const { body } = await done(at.org.as(at.supervisor).get('/v1/supervision-settings'), 200)

    expect(body).toEqual({
      monitor: true,
      assign: true,
      transfer: true,
      forceClose: true,
      transferToAgents: true,
    })
  })
})
