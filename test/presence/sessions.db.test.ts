import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done, newCustomer, refused, type TestAgent, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

async function stage(workstream: Record<string, unknown> = {}, agentGiven: Record<string, unknown> = {}) {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const workstreamId = await org.addWorkstream(number, { wrapUpBlock: 'none', ...workstream })
  const agent = await org.addAgent({ capacityUnits: 100, lasting: true, ...agentGiven })
  const text = async (): Promise<string> => {
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
  }
  return { org, number, workstreamId, agent, text }
}

const look = async (org: TestOrganization, agent: TestAgent): Promise<any> =>
  (await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body

const has = (org: TestOrganization, agent: TestAgent, openSessions: number) =>
  eventually(
    () => look(org, agent),
    (row) => row.openSessions === openSessions,
  )

const does = (org: TestOrganization, agent: TestAgent, call: string) =>
  org.as(agent).post(`/v1/conversations/${call}`)

/** The agent has as many as they may, each accepted. */
async function full(limit: number, workstream: Record<string, unknown> = {}) {
  const made = await stage(workstream)
  const { org, agent, number } = made
  await org.allowSessions(limit)
  const ids: string[] = []
  while (ids.length < limit) ids.push((await org.acceptedConversation(agent, number)).id)
  return { ...made, ids }
}

it('an agent is offered ten conversations at a time and no more, whatever their capacity; the next one waits and says why', async () => {
  const { org, agent, text } = await stage()

  const ids = await Promise.all(Array.from({ length: 12 }, text))
  const row = await has(org, agent, 10)
  const conversations = await Promise.all(ids.map((id) => org.conversation(id)))
  const waiting = conversations.filter(({ status }) => status === 'open')
  const why = (await done(org.admin.get(`/v1/conversations/${waiting[0].id}/routing`), 200)).body

  expect(row).toMatchObject({ usedUnits: 10, capacityUnits: 100, presence: 'do_not_disturb' })
  expect(row.presenceIsAutomatic).toBe(true)
  expect(waiting).toHaveLength(2)
  expect(why.assignment).toMatchObject({
    agentId: null,
    agents: [{ id: agent.id, ruledOutBy: ['presence', 'sessions'] }],
  })
})

it('two services at once do not go beyond it', async () => {
  const { org, agent, text } = await stage()
  await org.allowSessions(3)
  const second = await startService({ besides: service, clock })
  const most: number[] = []
  let isOver = false
  const watching = (async () => {
    while (!isOver) most.push((await look(org, agent)).openSessions)
  })()

  await Promise.all(Array.from({ length: 15 }, text))
  for (let served = 0; served < 15; ) {
    const { body } = await done(org.as(agent).get('/v1/conversations?view=mine&status=active'), 200)
    for (const { id } of body.data) {
      await done(does(org, agent, `${id}/accept`), 200)
      await done(does(org, agent, `${id}/end`), 200)
      served += 1
    }
  }
  isOver = true
  await watching
  await second.close()

  expect(Math.max(...most)).toBe(3)
  expect(await has(org, agent, 0)).toMatchObject({ usedUnits: 0, presence: 'available' })
})

describe('a session lasts', () => {
  it.each(['close', 'release', 'end'])('until the agent’s %s', async (step) => {
    const { org, agent, ids } = await full(1)

    await done(does(org, agent, `${ids[0]}/${step}`), 200)

    expect(await has(org, agent, 0)).toMatchObject({ presence: 'available' })
  })

  it('through a wrap-up that holds capacity, as long as it holds it', async () => {
    const { org, agent, ids } = await full(1, { wrapUpBlock: { seconds: 30 } })

    await done(does(org, agent, `${ids[0]}/end`), 200)
    const wrapping = await look(org, agent)
    clock.forward(seconds(31))

    expect(wrapping).toMatchObject({ openSessions: 1, presence: 'do_not_disturb' })
    await has(org, agent, 0)
    expect((await org.conversation(ids[0] ?? '')).status).toBe('wrap_up')
  })

  it('with a capacity profile, too', async () => {
    const { org, agent, workstreamId, text } = await stage({}, { capacityUnits: 0, presence: 'offline' })
    const profile = { name: 'Chats', workItemLimit: 50, blocksAssignment: false }
    const { id } = (await done(org.admin.post('/v1/capacity-profiles', profile), 201)).body
    await done(org.admin.put(`/v1/agents/${agent.id}/capacity-profiles/${id}`, {}), 200)
    await done(org.admin.patch(`/v1/workstreams/${workstreamId}`, { capacityProfileId: id }), 200)
    await org.allowSessions(2)
    await done(org.as(agent).put('/v1/me/presence', { presence: 'available' }), 200)

    const ids = await Promise.all([text(), text(), text()])
    const row = await has(org, agent, 2)
    const rows = await Promise.all(ids.map((each) => org.conversation(each)))
    const [mine] = rows.filter(({ status }) => status === 'active')
    await done(does(org, agent, `${mine.id}/reject`), 200)

    expect(row.presence).toBe('do_not_disturb')
    expect(rows.filter(({ status }) => status === 'open')).toHaveLength(1)
    // Its place goes to the one that waited
    for (const each of rows.filter(({ status }) => status === 'open'))
      await org.conversation(each.id, ({ agentId }) => agentId === agent.id)
    await has(org, agent, 2)
  })
})

describe('beyond it', () => {
  it('an agent cannot pick or resume, and is told why', async () => {
    const { org, agent, number, ids } = await full(2)
    await done(does(org, agent, `${ids[0]}/close`), 200)
    await org.acceptedConversation(agent, number)
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    const open = await org.conversationOf(customer, ({ queueId }) => queueId !== null)

    const picked = await refused(does(org, agent, `${open.id}/pick`), 409, 'conflict')
    const resumed = await refused(does(org, agent, `${ids[0]}/resume`), 409, 'conflict')

    expect(picked.detail).toContain('2 conversations at a time')
    expect(resumed.detail).toBe(picked.detail)
    expect(await look(org, agent)).toMatchObject({ openSessions: 2, usedUnits: 2 })
  })

  it('a supervisor assigns with an override, and not without', async () => {
    const { org, agent, text } = await full(1)
    await done(org.as(agent).put('/v1/me/presence', { presence: 'available' }), 200)
    const id = await text()
    const assign = (override: boolean) =>
      org.admin.post(`/v1/conversations/${id}/assign`, { agentId: agent.id, override })

    const without = await refused(assign(false), 409, 'conflict')
    await done(assign(true), 200)

    expect(without.detail).toContain('"override": true')
    expect(await look(org, agent)).toMatchObject({ openSessions: 2, presence: 'do_not_disturb' })
  })

  it('an agent cannot take over what is transferred to them, and it stays with the first', async () => {
    const { org, agent, number } = await stage()
    await org.allowSessions(1)
    const other = await org.addAgent({ lasting: true, presence: 'offline', capacityUnits: 9 })
    const { id } = await org.acceptedConversation(agent, number)
    await done(org.as(other).put('/v1/me/presence', { presence: 'available' }), 200)
    await done(org.as(agent).post(`/v1/conversations/${id}/transfer`, { agentId: other.id }), 200)
    await org.acceptedConversation(other, number)

    await refused(does(org, other, `${id}/accept`), 409, 'conflict')

    expect(await org.conversation(id)).toMatchObject({ status: 'active', agentId: agent.id })
  })

  it('what becomes theirs by itself when the time of a transfer is over does not: the transfer has expired', async () => {
    const { org, agent, number, workstreamId } = await stage()
    const template = { name: 'By itself', countdownSeconds: 30, autoAssign: true }
    const made = (await done(org.admin.post('/v1/notification-templates', template), 201)).body
    const { body: templates } = await done(
      org.admin.get(`/v1/workstreams/${workstreamId}/notifications`),
      200,
    )
    await done(
      org.admin.put(`/v1/workstreams/${workstreamId}/notifications`, { ...templates, transfer: made.id }),
      200,
    )
    await org.allowSessions(1)
    const other = await org.addAgent({ lasting: true, presence: 'offline', capacityUnits: 9 })
    const { id } = await org.acceptedConversation(agent, number)
    await done(org.as(other).put('/v1/me/presence', { presence: 'available' }), 200)
    await done(org.as(agent).post(`/v1/conversations/${id}/transfer`, { agentId: other.id }), 200)
    await org.acceptedConversation(other, number)

    clock.forward(seconds(31))

    const kept = await org.conversation(id, ({ transfer }) => transfer === null)
    expect(kept).toMatchObject({ status: 'active', agentId: agent.id })
    expect(await look(org, other)).toMatchObject({ openSessions: 1 })
  })
})

describe('the organization’s limit', () => {
  it('holds for agents who are there and for new ones, and for what waits already', async () => {
    const { org, agent, text } = await full(1)
    const waiting = await text()
    const before = await org.conversation(waiting)
    const newcomer = await org.addAgent({ presence: 'offline' })

    await org.allowSessions(2)

    expect(before.status).toBe('open')
    await org.conversation(waiting, ({ agentId }) => agentId === agent.id)
    const [row] = await runSql(service, 'SELECT session_limit FROM agents WHERE id = $1', [newcomer.id])
    expect(row).toEqual({ session_limit: 2 })
    expect((await done(org.admin.get('/v1/presence-settings'), 200)).body.sessionsPerAgent).toBe(2)
  })

  it('when it is lowered, whoever has more keeps it and is offered nothing more', async () => {
    const { org, agent, text, ids } = await full(3)
    await org.allowSessions(2)
    await done(does(org, agent, `${ids[0]}/end`), 200)

    const waiting = await text()
    const still = await look(org, agent)
    await done(does(org, agent, `${ids[1]}/end`), 200)

    expect(still).toMatchObject({ openSessions: 2, presence: 'do_not_disturb' })
    await org.conversation(waiting, ({ agentId }) => agentId === agent.id)
  })

  it('counts anew what agents have, what a closed wrap-up holds included', async () => {
    const { org, agent, ids } = await full(2, { wrapUpBlock: { seconds: 600 } })
    await done(does(org, agent, `${ids[0]}/end`), 200)
    await done(does(org, agent, `${ids[0]}/close`), 200)
    await runSql(service, 'UPDATE agents SET open_sessions = 7 WHERE id = $1', [agent.id])

    await org.allowSessions(10)

    expect(await look(org, agent)).toMatchObject({ openSessions: 2, usedUnits: 2, presence: 'busy' })
  })

  it.each([0, 10_001, 1.5])('%j is refused', async (sessionsPerAgent) => {
    const { org } = await stage()

    await refused(org.admin.put('/v1/presence-settings', { sessionsPerAgent }), 422, 'validation_failed')
  })
})
