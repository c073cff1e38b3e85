import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hours } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { EventListener } from '../support/event-listener.js'
import { done, type TestAgent, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

const over = (stream: EventListener): Promise<boolean> =>
  eventually(
    async () => stream.isOver,
    (isOver) => isOver,
    15_000,
  )

/** Something that everybody who may hear anything of the organization would hear. */
const happens = (org: TestOrganization, agent: TestAgent, presence: string) =>
  done(org.admin.put(`/v1/agents/${agent.id}/presence`, { presence }), 200)

const refusedNow = async (stream: EventListener, key: string): Promise<void> => {
  await expect(EventListener.open(service, key, stream.lastId)).rejects.toThrow(/refused: 40[13]/)
}

describe('an open stream', () => {
  it('ends with the key that opened it: nothing that happens after a revocation is heard', async () => {
    const org = await TestOrganization.create(service)
    const agent = await org.addAgent()
    const { body } = await done(org.admin.post('/v1/api-keys', { name: 'Stolen', role: 'admin' }), 201)
    const [stolen, own] = [
      await EventListener.open(service, body.key),
      await EventListener.open(service, org.adminKey),
    ]
    await happens(org, agent, 'away')
    await stolen.first(({ data }) => data.agent?.presence === 'away')

    await done(org.admin.delete(`/v1/api-keys/${body.id}`), 204)
    await happens(org, agent, 'busy')
    await own.first(({ data }) => data.agent?.presence === 'busy')
    await over(stolen)

    expect(stolen.heard.map(({ data }) => data.agent.presence)).toEqual(['away'])
    expect(own.isOver).toBe(false)
    await refusedNow(stolen, body.key)
    own.stop()
  })

  it('ends when its token expires', async () => {
    const org = await TestOrganization.create(service)
    const agent = await org.addAgent()
    const { body } = await done(org.admin.post(`/v1/agents/${agent.id}/tokens`, { ttlSeconds: 3600 }), 201)
    const stream = await EventListener.open(service, body.token)

    clock.forward(hours(1))

    await over(stream)
    await refusedNow(stream, body.token)
    clock.backToNow()
  })

  it('ends when its organization is suspended, and no other’s does', async () => {
    const [org, neighbour] = [await TestOrganization.create(service), await TestOrganization.create(service)]
    const agent = await org.addAgent()
    const streams = await Promise.all(
      [org.adminKey, agent.key, neighbour.adminKey].map((key) => EventListener.open(service, key)),
    )

    const operator = service.as(service.platformKey)
    await done(operator.patch(`/v1/organizations/${org.id}`, { suspended: true }), 200)
    const [admins, agents, neighbours] = streams as [EventListener, EventListener, EventListener]
    await Promise.all([over(admins), over(agents)])

    expect(neighbours.isOver).toBe(false)
    await refusedNow(admins, org.adminKey)
    neighbours.stop()
  })

  it('of a supervisor who becomes an agent ends, and comes back as an agent’s', async () => {
    const org = await TestOrganization.create(service)
    const [supervisor, other] = [await org.addAgent({ role: 'supervisor' }), await org.addAgent()]
    const before = await EventListener.open(service, supervisor.key)
    await happens(org, other, 'busy')
    await before.first(({ data }) => data.agent?.id === other.id)

    await done(org.admin.patch(`/v1/agents/${supervisor.id}`, { role: 'agent' }), 200)
    await over(before)
    const after = await EventListener.open(service, supervisor.key, before.lastId)
    await happens(org, other, 'away')
    await happens(org, supervisor, 'away')
    await after.first(({ data }) => data.agent?.id === supervisor.id && data.agent.presence === 'away')

    // That they were gone for a moment, too
    expect(new Set(after.heard.map(({ data }) => data.agent.id))).toEqual(new Set([supervisor.id]))
    expect(after.isOver).toBe(false)
    after.stop()
  })
})
