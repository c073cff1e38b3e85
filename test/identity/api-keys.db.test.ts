import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await createOrganization(service)
})
afterAll(() => service.close())

describe('a new API key', () => {
  it('is shown once and listed by its first characters', async () => {
    const made = await org.admin.post('/v1/api-keys', { name: 'Reports', role: 'supervisor' })
    const list = await org.admin.get('/v1/api-keys')

    const { key, ...listed } = made.body
    expect(made.status).toBe(201)
    expect(list.body.data[0]).toEqual(listed)
    expect(listed).toMatchObject({
      kind: 'api_key',
      prefix: key.slice(0, 16),
      revokedAt: null,
      expiresAt: null,
    })
    expect(JSON.stringify(list.body)).not.toContain(key)
  })

  it('that acts for an agent must name one of the organization', async () => {
    const stranger = await createAgent((await createOrganization(service)).admin)
    const make = (agentId?: string) => org.admin.post('/v1/api-keys', { name: 'Bot', role: 'agent', agentId })

    expectProblem(await make(), 422, 'validation_failed')
    expectProblem(await make(unknownId), 422, 'validation_failed')
    expectProblem(await make(stranger.id), 422, 'validation_failed')
    expect((await make((await createAgent(org.admin)).id)).status).toBe(201)
  })

  it('for admins names no agent', async () => {
    const { id } = await createAgent(org.admin)

    const answer = await org.admin.post('/v1/api-keys', { name: 'Boss', role: 'admin', agentId: id })

    expectProblem(answer, 422, 'validation_failed')
  })

  it('gets secrets:write only from a key that has it', async () => {
    const { caller: plainAdmin } = await createCaller(service, org, 'admin')
    const body = { name: 'Rotation', role: 'admin', permissions: ['secrets:write'] }

    expectProblem(await plainAdmin.post('/v1/api-keys', body), 403, 'forbidden')
    expect((await org.admin.post('/v1/api-keys', body)).body.permissions).toEqual(['secrets:write'])
  })

  it.each([
    { name: 'A' },
    { name: 'A', role: 'owner' },
    { name: 'A', role: 'admin', permissions: ['everything'] },
    { name: 'A', role: 'supervisor', permissions: ['secrets:write'] },
    { name: 'A', role: 'admin', scope: 'all' },
  ])('is refused with %j', async (body) => {
    expectProblem(await org.admin.post('/v1/api-keys', body), 422, 'validation_failed')
  })
})

describe('keys by role', () => {
  it('are made and revoked by admins, read by supervisors, and no matter of agents', async () => {
    const supervisor = await createCaller(service, org, 'supervisor')
    const agent = await createCaller(service, org, 'agent')
    const body = { name: 'A', role: 'supervisor' }

    expectProblem(await supervisor.caller.post('/v1/api-keys', body), 403, 'forbidden')
    expectProblem(await supervisor.caller.delete(`/v1/api-keys/${agent.keyId}`), 403, 'forbidden')
    expect((await supervisor.caller.get('/v1/api-keys')).status).toBe(200)
    expectProblem(await agent.caller.post('/v1/api-keys', body), 403, 'forbidden')
    expectProblem(await agent.caller.get('/v1/api-keys'), 403, 'forbidden')
  })
})

describe('a revoked key', () => {
  it('stops working with the next call, and may be revoked twice', async () => {
    const { caller, keyId } = await createCaller(service, org, 'admin')
    expect((await caller.get('/v1/me')).status).toBe(200)

    const revoked = await org.admin.delete(`/v1/api-keys/${keyId}`)
    const again = await org.admin.delete(`/v1/api-keys/${keyId}`)

    expect([revoked.status, again.status]).toEqual([204, 204])
    expect(revoked.text).toBe('')
    expectProblem(await caller.get('/v1/me'), 401, 'unauthenticated')
  })

  it("may be an agent's token, which is listed with the keys", async () => {
    const agent = await createAgent(org.admin)
    const token = await agentToken(org.admin, agent.id)
    const [newest] = (await org.admin.get('/v1/api-keys?limit=1')).body.data

    await org.admin.delete(`/v1/api-keys/${newest.id}`)

    expect(newest).toMatchObject({ kind: 'agent_token', agentId: agent.id, role: 'agent' })
    expectProblem(await service.as(token).get('/v1/me'), 401, 'unauthenticated')
  })

  it('of another organization does not exist', async () => {
    const other = await createOrganization(service)
    const { keyId } = await createCaller(service, other, 'admin')

    const answer = await org.admin.delete(`/v1/api-keys/${keyId}`)

    expect(expectProblem(answer, 404, 'not_found')['detail']).toBe(
      (await org.admin.delete(`/v1/api-keys/${unknownId}`)).body.detail,
    )
    expect((await everyPage(org.admin, '/v1/api-keys', 3)).map(({ id }) => id)).not.toContain(keyId)
  })
})
