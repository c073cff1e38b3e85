import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { minutes, seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { EventListener } from '../support/event-listener.js'
import { done, refused, type TestAgent, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

/** An agent with a stream and a conversation that they have accepted, while a supervisor listens. */
async function stage(agentGiven: Record<string, unknown> = {}) {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent({ lasting: true, ...agentGiven })
  const conversation = await org.acceptedConversation(agent, number)
  const stream = await EventListener.open(service, agent.key)
  return { org, number, agent, conversation, id: conversation.id as string, stream }
}

const isOffline = (org: TestOrganization, agent: TestAgent) =>
  eventually(
    async () => (await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body,
    ({ presence }) => presence === 'offline',
  )

/** The stream breaks, and the service has noticed. */
async function breaks(org: TestOrganization, agent: TestAgent, stream: EventListener): Promise<void> {
  stream.stop()
  await eventually(
    () => runSql(service, 'SELECT 1 FROM agent_connections WHERE agent_id = $1', [agent.id]),
    (rows) => rows.length === 0,
  )
  await isOffline(org, agent)
}

/** Everything that is due is done. */
async function look(org: TestOrganization): Promise<void> {
  await service.parts.connections.review(org.id)
  await service.parts.timers.drain(org.id, new AbortController().signal)
}

describe('the work of an agent whose connection stays lost', () => {
  it('goes back to its queue after eight minutes, to somebody else, and says why', async () => {
    const { org, agent, conversation, id, stream } = await stage()
    const listener = await EventListener.open(service, org.adminKey)
    await breaks(org, agent, stream)
    clock.forward(minutes(7.9))
    await look(org)
    const before = await org.conversation(id)

    clock.forward(seconds(7))
    const taken = await org.conversation(id, ({ status }) => status === 'open')
    const other = await org.addAgent({ lasting: true })
    await org.conversation(id, ({ agentId }) => agentId === other.id)

    expect(before).toMatchObject({ status: 'active', agentId: agent.id })
    expect(taken).toMatchObject({
      queueId: conversation.queueId,
      agentId: null,
      acceptedAt: null,
      statusReason: 'awaiting_agent_assignment',
    })
    const sessions = (await done(org.admin.get(`/v1/conversations/${id}/sessions`), 200)).body.data
    expect(sessions[0]).toMatchObject({ agentId: agent.id, closureReason: 'agent_disconnected' })
    const history = (await done(org.admin.get(`/v1/conversations/${id}/history`), 200)).body.data
    expect(history.find(({ happening }: { happening: string }) => happening === 'agent_left')).toMatchObject({
      status: 'open',
      by: { type: 'system', id: null },
    })
    const row = (await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body
    expect(row).toMatchObject({ presence: 'offline', usedUnits: 0, openSessions: 0 })
    await listener.until((heard) =>
      heard.some(({ type, data }) => type === 'conversation.queued' && data.conversation.id === id),
    )
    listener.stop()
  })

  it('stays where the connection is back before that', async () => {
    const { org, agent, id, stream } = await stage()
    await breaks(org, agent, stream)
    clock.forward(minutes(7))
    await look(org)
    const again = await EventListener.open(service, agent.key)

    clock.forward(minutes(10))
    await look(org)

    expect(await org.conversation(id)).toMatchObject({ status: 'active', agentId: agent.id })
    await breaks(org, agent, again)
  })

  it('stays where the agent goes on by calls alone, which setting a presence says', async () => {
    const { org, agent, id, stream } = await stage()
    await breaks(org, agent, stream)
    await done(org.as(agent).put('/v1/me/presence', { presence: 'available' }), 200)

    clock.forward(minutes(20))
    await look(org)

    expect(await org.conversation(id)).toMatchObject({ status: 'active', agentId: agent.id })
  })

  it('goes back also where the agent had gone offline and then closed their interface', async () => {
    const { org, agent, id, stream } = await stage()
    await done(org.as(agent).put('/v1/me/presence', { presence: 'offline' }), 200)
    await breaks(org, agent, stream)

    clock.forward(minutes(9))
    await org.conversation(id, ({ status }) => status === 'open')
    const again = await EventListener.open(service, agent.key)

    expect((await isOffline(org, agent)).presenceIsAutomatic).toBe(false)
    await breaks(org, agent, again)
  })

  it('is what they have accepted: what waits, is in wrap-up or is another’s stays as it is', async () => {
    const { org, agent, number, id, stream } = await stage()
    const [waiting, wrapping] = [
      (await org.acceptedConversation(agent, number)).id,
      (await org.acceptedConversation(agent, number)).id,
    ]
    await done(org.as(agent).post(`/v1/conversations/${waiting}/close`), 200)
    await done(org.as(agent).post(`/v1/conversations/${wrapping}/end`), 200)
    await breaks(org, agent, stream)

    clock.forward(minutes(9))
    await org.conversation(id, ({ status }) => status === 'open')

    expect((await org.conversation(waiting)).status).toBe('waiting')
    expect(await org.conversation(wrapping)).toMatchObject({ status: 'wrap_up', agentId: agent.id })
  })

  it('that a supervisor is giving to somebody else is left to their answer', async () => {
    const { org, agent, id, stream } = await stage()
    const other = await org.addAgent({ lasting: true })
    await breaks(org, agent, stream)
    clock.forward(minutes(7.9))
    await done(org.admin.post(`/v1/conversations/${id}/transfer`, { agentId: other.id }), 200)

    clock.forward(minutes(1))
    await look(org)
    const pending = await org.conversation(id)
    await done(org.as(other).post(`/v1/conversations/${id}/reject`), 200)

    expect(pending).toMatchObject({ status: 'active', agentId: agent.id, transfer: { agentId: other.id } })
    await org.conversation(id, ({ agentId }) => agentId !== agent.id)
  })

  it('is said to its customer, where the organization wants that, by the name of the agent', async () => {
    const { org, agent, number, id, stream } = await stage()
    const message = { channel: 'sms', trigger: 'agent_disconnected', active: true }
    await done(org.admin.post('/v1/automatic-messages', message), 201)
    const { id: second } = await org.acceptedConversation(agent, number)
    await breaks(org, agent, stream)

    clock.forward(minutes(9))
    for (const each of [id, second]) await org.conversation(each, ({ status }) => status === 'open')

    for (const each of [id, second]) {
      const texts = (await org.messages(each)).filter(({ kind }) => kind === 'system')
      expect(texts.map(({ text }) => text)).toEqual([expect.stringContaining(agent.name)])
    }
  })
})

describe('the time', () => {
  it('is the organization’s, and holds for connections that are lost from then on', async () => {
    const { org, agent, id, stream } = await stage()
    await done(org.admin.put('/v1/presence-settings', { reclaimWorkAfterMinutes: 3 }), 200)
    await breaks(org, agent, stream)

    clock.forward(minutes(3.1))

    await org.conversation(id, ({ status }) => status === 'open')
  })

  it('may be never', async () => {
    const { org, agent, id, stream } = await stage()
    await done(org.admin.put('/v1/presence-settings', { reclaimWorkAfterMinutes: null }), 200)
    await breaks(org, agent, stream)

    clock.forward(minutes(60))
    await look(org)

    expect(await org.conversation(id)).toMatchObject({ status: 'active', agentId: agent.id })
  })

  it.each([0, 2, 1441])('%j is refused', async (reclaimWorkAfterMinutes) => {
    const org = await TestOrganization.create(service)

    await refused(
      org.admin.put('/v1/presence-settings', { reclaimWorkAfterMinutes }),
      422,
      'validation_failed',
    )
  })
})
