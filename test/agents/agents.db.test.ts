import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clock, later, seconds } from '../../src/lib/clock.js'
import {
  agentToken,
  createAgent,
  createCaller,
  createOrganization,
  everyPage,
  expectProblem,
  type TestOrganization,
  unknownId,
} from '../support/administration.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization
let aheadBySeconds = 0
const clock: Clock = { now: () => later(new Date(), seconds(aheadBySeconds)) }

beforeAll(async () => {
  service = await startService({ idle: true, clock })
  org = await createOrganization(service)
})
afterAll(() => service.close())

const eventTypes = (orgId: string) =>
  service.parts.db.inOrg(orgId, async (tx) =>
    (await tx.event.findMany({ orderBy: [{ entry: 'asc' }, { ordinal: 'asc' }] })).map(
      ({ type, agentIds }) => ({ type, agentIds }),
    ),
  )

describe('a new agent', () => {
  it('is offline, has nothing to do and is in no queue', async () => {
    const made = await org.admin.post('/v1/agents', {
      name: 'Ada',
      email: 'ada@example.com',
      role: 'agent',
      capacityUnits: 3,
    })

    expect(made.status).toBe(201)
    expect(made.body).toEqual({
      id: expect.any(String),
      name: 'Ada',
      email: 'ada@example.com',
      role: 'agent',
      capacityUnits: 3,
      usedUnits: 0,
      openSessions: 0,
      presence: 'offline',
      presenceIsAutomatic: false,
      presenceStatusId: null,
      defaultPresence: null,
      presenceChangedAt: made.body.createdAt,
      createdAt: expect.any(String),
      updatedAt: made.body.createdAt,
    })
    expect((await org.admin.get(`/v1/agents/${made.body.id}`)).body).toEqual(made.body)
  })

  it('needs an e-mail address of its own', async () => {
    await createAgent(org.admin, { email: 'bob@example.com' })
    const other = await createAgent(org.admin)
    const body = { name: 'Bob', email: 'bob@example.com', role: 'agent', capacityUnits: 1 }

    expectProblem(await org.admin.post('/v1/agents', body), 409, 'conflict')
    expectProblem(
      await org.admin.patch(`/v1/agents/${other.id}`, { email: 'bob@example.com' }),
      409,
      'conflict',
    )
    expect((await (await createOrganization(service)).admin.post('/v1/agents', body)).status).toBe(201)
  })

  it.each([
    { capacityUnits: -1 },
    { capacityUnits: 10_001 },
    { capacityUnits: 1.5 },
    { email: 'nobody' },
    { role: 'owner' },
    { presence: 'available' },
  ])('is refused with %j', async (fields) => {
    const body = { name: 'A', email: 'a@example.com', role: 'agent', capacityUnits: 1, ...fields }

    expectProblem(await org.admin.post('/v1/agents', body), 422, 'validation_failed')
  })
})

describe('agents by role', () => {
  it('are made by admins; supervisors change capacities and nothing else', async () => {
    const { id } = await createAgent(org.admin)
    const { caller: supervisor } = await createCaller(service, org, 'supervisor')

    expect((await supervisor.patch(`/v1/agents/${id}`, { capacityUnits: 7 })).body.capacityUnits).toBe(7)
    expectProblem(await supervisor.patch(`/v1/agents/${id}`, { role: 'admin' }), 403, 'forbidden')
    expectProblem(await supervisor.post('/v1/agents', {}), 403, 'forbidden')
    expectProblem(await supervisor.post(`/v1/agents/${id}/tokens`), 403, 'forbidden')
  })

  it('read each other and set their own presence only', async () => {
    const other = await createAgent(org.admin)
    const { caller: agent, agentId } = await createCaller(service, org, 'agent')

    expect((await agent.get(`/v1/agents/${other.id}`)).status).toBe(200)
    expect((await agent.put(`/v1/agents/${agentId}/presence`, { presence: 'busy' })).status).toBe(200)
    expectProblem(await agent.put(`/v1/agents/${other.id}/presence`, { presence: 'away' }), 403, 'forbidden')
    expectProblem(await agent.patch(`/v1/agents/${agentId}`, { capacityUnits: 99 }), 403, 'forbidden')
  })

  it('of another organization do not exist', async () => {
    const other = await createOrganization(service)
    const { id } = await createAgent(org.admin)

    expectProblem(await other.admin.get(`/v1/agents/${id}`), 404, 'not_found')
    expectProblem(await other.admin.patch(`/v1/agents/${id}`, { name: 'Mine' }), 404, 'not_found')
    expectProblem(await other.admin.post(`/v1/agents/${id}/tokens`), 404, 'not_found')
    expectProblem(await other.admin.put(`/v1/agents/${id}/presence`, { presence: 'away' }), 404, 'not_found')
    expect(await everyPage(other.admin, '/v1/agents', 1)).toEqual([])
  })
})

describe("an agent's token", () => {
  it('works for twelve hours unless another time is asked for', async () => {
    const { id } = await createAgent(org.admin)

    const usual = await org.admin.post(`/v1/agents/${id}/tokens`)
    const short = await org.admin.post(`/v1/agents/${id}/tokens`, { ttlSeconds: 60 })

    const lasts = ({ expiresAt }: { expiresAt: string }) => Date.parse(expiresAt) - Date.now()
    expect(lasts(usual.body) / 3_600_000).toBeCloseTo(12, 1)
    expect(lasts(short.body)).toBeLessThanOrEqual(60_000)
  })

  it('stops working when its time is over', async () => {
    const { id } = await createAgent(org.admin)
    const { token } = (await org.admin.post(`/v1/agents/${id}/tokens`, { ttlSeconds: 60 })).body

    const before = await service.as(token).get('/v1/me')
    aheadBySeconds = 61
    const afterwards = await service.as(token).get('/v1/me')
    aheadBySeconds = 0

    expect(before.body.id).toBe(id)
    expectProblem(afterwards, 401, 'unauthenticated')
  })

  it.each([{ ttlSeconds: 59 }, { ttlSeconds: 86_401 }, { ttl: 60 }])('is refused with %j', async (body) => {
    const { id } = await createAgent(org.admin)

    expectProblem(await org.admin.post(`/v1/agents/${id}/tokens`, body), 422, 'validation_failed')
  })

  it('follows the role of its agent', async () => {
    const { id } = await createAgent(org.admin)
    const caller = service.as(await agentToken(org.admin, id))

    expectProblem(await caller.get('/v1/api-keys'), 403, 'forbidden')
    await org.admin.patch(`/v1/agents/${id}`, { role: 'supervisor' })

    expect((await caller.get('/v1/api-keys')).status).toBe(200)
  })
})

describe('whoever calls', () => {
  it('sees themselves: the agent, or organization and role', async () => {
    const { caller: agent, agentId } = await createCaller(service, org, 'agent')

    expect((await agent.get('/v1/me')).body.id).toBe(agentId)
    expect((await org.admin.get('/v1/me')).body).toEqual({ organizationId: org.id, role: 'admin' })
  })

  it('has no presence without an agent', async () => {
    expectProblem(await org.admin.put('/v1/me/presence', { presence: 'available' }), 403, 'forbidden')
  })
})

describe('presence', () => {
  it('changes with its moment and is announced once', async () => {
    const own = await createOrganization(service)
    const { id } = await createAgent(own.admin)
    const caller = service.as(await agentToken(own.admin, id))

    const available = await caller.put('/v1/me/presence', { presence: 'available' })
    const again = await caller.put('/v1/me/presence', { presence: 'available' })

    expect(available.body.presence).toBe('available')
    expect(again.body).toEqual(available.body)
    expect(Date.parse(available.body.presenceChangedAt)).toBeGreaterThanOrEqual(
      Date.parse(available.body.createdAt),
    )
    expect(await eventTypes(own.id)).toEqual([{ type: 'agent.presence_changed', agentIds: [id] }])
  })

  it('is one of five', async () => {
    const { caller } = await createCaller(service, org, 'agent')

    for (const presence of ['available', 'busy', 'do_not_disturb', 'away', 'offline']) {
      expect((await caller.put('/v1/me/presence', { presence })).body.presence).toBe(presence)
    }
    expectProblem(await caller.put('/v1/me/presence', { presence: 'lunch' }), 422, 'validation_failed')
    expectProblem(await caller.put('/v1/me/presence', {}), 422, 'validation_failed')
  })

  it('of an unknown agent is not found', async () => {
    const answer = await org.admin.put(`/v1/agents/${unknownId}/presence`, { presence: 'away' })

    expectProblem(answer, 404, 'not_found')
  })
})

describe('capacity', () => {
  it('may be lowered below what the agent has at hand, and raised again', async () => {
    const own = await createOrganization(service)
    const { id } = await createAgent(own.admin, { capacityUnits: 3 })
    const overcommitted = () =>
      service.parts.db.inOrg(own.id, async (tx) => (await tx.agent.findFirst())?.overcommittedUnits)
    await service.parts.db.inOrg(own.id, (tx) => tx.agent.updateMany({ data: { usedUnits: 3 } }))

    const lowered = await own.admin.patch(`/v1/agents/${id}`, { capacityUnits: 1 })
    const whileLow = await overcommitted()
    await own.admin.patch(`/v1/agents/${id}`, { capacityUnits: 5 })

    expect(lowered.body).toMatchObject({ capacityUnits: 1, usedUnits: 3 })
    expect(whileLow).toBe(2)
    expect(await overcommitted()).toBe(0)
    expect(await eventTypes(own.id)).toEqual([
      { type: 'routing.wanted', agentIds: [] },
      { type: 'routing.wanted', agentIds: [] },
    ])
  })
})
