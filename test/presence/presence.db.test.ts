import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { EventListener } from '../support/event-listener.js'
import { done, newCustomer, refused, type TestAgent, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

async function stage(agentGiven: Record<string, unknown> = {}, workstream: Record<string, unknown> = {}) {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const workstreamId = await org.addWorkstream(number, { wrapUpBlock: 'none', ...workstream })
  const agent = await org.addAgent({ capacityUnits: 2, lasting: true, ...agentGiven })
  const text = async (): Promise<string> => {
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
  }
  const step = (id: string, name: string) => done(org.as(agent).post(`/v1/conversations/${id}/${name}`), 200)
  return {
    org,
    number,
    workstreamId,
    agent,
    text,
    step,
    set: (body: object) => setPresence(org, agent, body),
  }
}

const me = async (org: TestOrganization, agent: TestAgent): Promise<any> =>
  (await done(org.as(agent).get('/v1/me'), 200)).body

const setPresence = async (org: TestOrganization, agent: TestAgent, body: object): Promise<any> =>
  (await done(org.as(agent).put('/v1/me/presence', body), 200)).body

const isNow = (org: TestOrganization, agent: TestAgent, presence: string) =>
  eventually(
    () => me(org, agent),
    (row) => row.presence === presence,
  )

describe('presence follows the load', () => {
  it('available, busy, do not disturb and back, and everybody concerned hears of it', async () => {
    const { org, agent, text, step } = await stage()
    const stream = await EventListener.open(service, agent.key)

    const first = await text()
    await isNow(org, agent, 'busy')
    const second = await text()
    const full = await isNow(org, agent, 'do_not_disturb')
    for (const id of [first, second]) {
      await step(id, 'accept')
      await step(id, 'end')
    }

    expect(full.presenceIsAutomatic).toBe(true)
    expect((await me(org, agent)).presence).toBe('available')
    await stream.until(
      (heard) =>
        heard
          .filter(({ type }) => type === 'agent.presence_changed')
          .map(({ data }) => data.agent.presence)
          .join() === 'busy,do_not_disturb,busy,available',
    )
    stream.stop()
  })

  it('what a person sets to available or busy lasts until the load changes', async () => {
    const { org, agent, text, step, set } = await stage()
    const id = await text()
    await isNow(org, agent, 'busy')

    const chosen = await set({ presence: 'available' })
    await step(id, 'accept')
    const afterAccept = await me(org, agent)
    await text()

    expect([chosen.presence, chosen.presenceIsAutomatic]).toEqual(['available', false])
    expect(afterAccept.presence).toBe('available')
    await isNow(org, agent, 'do_not_disturb')
  })

  it.each(['away', 'do_not_disturb'])('%s lasts until a person changes it', async (presence) => {
    const { org, agent, text, step, set } = await stage()
    const id = await text()
    await org.conversation(id, ({ agentId }) => agentId === agent.id)
    await step(id, 'accept')

    await set({ presence })
    await step(id, 'end')

    expect(await me(org, agent)).toMatchObject({ presence, presenceIsAutomatic: false, usedUnits: 0 })
  })

  it('an agent with profiles alone is full when all of them are, or one that blocks', async () => {
    const { org, agent, text } = await stage({ capacityUnits: 0, presence: 'offline' })
    const profile = async (body: object) =>
      (await done(org.admin.post('/v1/capacity-profiles', { workItemLimit: 1, ...body }), 201)).body.id
    const [chats, calls] = [await profile({ name: 'Chats' }), await profile({ name: 'Calls' })]
    const give = (id: string) =>
      done(org.admin.put(`/v1/agents/${agent.id}/capacity-profiles/${id}`, {}), 200)
    const workstream = (await done(org.admin.get('/v1/workstreams'), 200)).body.data[0].id
    await done(org.admin.patch(`/v1/workstreams/${workstream}`, { capacityProfileId: chats }), 200)
    await give(chats)
    await give(calls)
    await setPresence(org, agent, { presence: 'available' })

    await text()
    await isNow(org, agent, 'busy')
    await done(org.admin.patch(`/v1/capacity-profiles/${chats}`, { blocksAssignment: true }), 200)
    const blocked = await me(org, agent)
    await done(org.admin.patch(`/v1/capacity-profiles/${chats}`, { blocksAssignment: false }), 200)
    const unblocked = await me(org, agent)
    await done(org.admin.delete(`/v1/agents/${agent.id}/capacity-profiles/${calls}`), 204)

    expect([blocked.presence, unblocked.presence]).toEqual(['do_not_disturb', 'busy'])
    expect((await me(org, agent)).presence).toBe('do_not_disturb')
  })
})

describe('allowed presences', () => {
  it('of a workstream are available and busy, where nothing else is said', async () => {
    const { org, agent, text } = await stage({ presence: 'busy' })

    const id = await text()

    expect(await org.conversation(id, ({ status }) => status === 'active')).toMatchObject({
      agentId: agent.id,
    })
  })

  it('keep work from agents with another presence, and what is changed holds for what waits', async () => {
    const { org, workstreamId, agent, text } = await stage({}, { allowedPresences: ['available'] })
    const first = await text()
    await org.conversation(first, ({ agentId }) => agentId === agent.id)
    await isNow(org, agent, 'busy')
    const second = await text()
    const waiting = await org.conversation(second)

    await done(
      org.admin.patch(`/v1/workstreams/${workstreamId}`, { allowedPresences: ['available', 'busy'] }),
      200,
    )

    expect(waiting.status).toBe('open')
    await org.conversation(second, ({ agentId }) => agentId === agent.id)
  })

  it('may let work through to agents who are away', async () => {
    const { org, agent, text } = await stage({ presence: 'away' }, { allowedPresences: ['away'] })

    const id = await text()

    await org.conversation(id, ({ agentId }) => agentId === agent.id)
    expect((await me(org, agent)).presence).toBe('away')
  })

  it.each([[[]], [['offline']], [['inactive']]])('%j is refused', async (allowedPresences) => {
    const { org, workstreamId } = await stage()

    await refused(
      org.admin.patch(`/v1/workstreams/${workstreamId}`, { allowedPresences }),
      422,
      'validation_failed',
    )
  })
})

describe('a refused or missed offer', () => {
  const settings = { doNotDisturbOnReject: true, inactiveOnMissedOffer: true }

  it('changes nothing where the organization has not said so', async () => {
    const { org, agent, text, step } = await stage()
    const id = await text()
    await org.conversation(id, ({ status }) => status === 'active')

    await step(id, 'reject')

    expect((await me(org, agent)).presence).toBe('available')
  })

  it('after a reject the agent is set to do not disturb, until they say otherwise', async () => {
    const { org, agent, text, step, set } = await stage()
    await done(org.admin.put('/v1/presence-settings', settings), 200)
    const id = await text()
    await org.conversation(id, ({ status }) => status === 'active')

    await step(id, 'reject')
    const after = await me(org, agent)
    const other = await text()
    await set({ presence: 'available' })

    expect(after).toMatchObject({ presence: 'do_not_disturb', presenceIsAutomatic: false })
    await org.conversation(other, ({ agentId }) => agentId === agent.id)
  })

  it('after a missed one the agent is inactive and offered nothing, until they or a supervisor say otherwise', async () => {
    const { org, agent, text } = await stage()
    await done(org.admin.put('/v1/presence-settings', settings), 200)
    const id = await text()
    await org.conversation(id, ({ status }) => status === 'active')

    clock.forward(seconds(121))
    await isNow(org, agent, 'inactive')
    const other = await text()
    const waiting = await org.conversation(other)
    const supervisor = await org.addAgent({ role: 'supervisor', presence: 'offline', lasting: true })
    await done(org.as(supervisor).put(`/v1/agents/${agent.id}/presence`, { presence: 'available' }), 200)

    expect(waiting.status).toBe('open')
    await org.conversation(other, ({ agentId }) => agentId === agent.id)
  })

  it('an agent cannot set themselves to inactive', async () => {
    const { org, agent } = await stage()

    await refused(org.as(agent).put('/v1/me/presence', { presence: 'inactive' }), 422, 'validation_failed')
  })
})

describe('a custom status', () => {
  it('is shown with the presence that it stands for, and goes with the next one', async () => {
    const { org, agent, set } = await stage()
    const body = { name: 'Lunch', presence: 'away' }
    const { id } = (await done(org.admin.post('/v1/presence-statuses', body), 201)).body

    const lunch = await set({ presenceStatusId: id })
    const still = await refused(org.admin.delete(`/v1/presence-statuses/${id}`), 409, 'conflict')
    const back = await set({ presence: 'available' })
    await done(org.admin.delete(`/v1/presence-statuses/${id}`), 204)

    expect(lunch).toMatchObject({ presence: 'away', presenceStatusId: id })
    expect(back).toMatchObject({ presence: 'available', presenceStatusId: null })
    expect(still.detail).toContain('an agent has it')
    expect((await me(org, agent)).presence).toBe('available')
  })

  it('that stands for offline gives back what was not accepted', async () => {
    const { org, agent, text, set } = await stage()
    const body = { name: 'Gone', presence: 'offline' }
    const { id: statusId } = (await done(org.admin.post('/v1/presence-statuses', body), 201)).body
    const id = await text()
    await org.conversation(id, ({ agentId }) => agentId === agent.id)

    await set({ presenceStatusId: statusId })

    expect((await org.conversation(id)).status).toBe('open')
  })
})
