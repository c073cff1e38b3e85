import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createAgent,
  createCaller,
  createOrganization,
  everyPage,
  expectProblem,
  type TestOrganization,
  unknownId,
} from '../support/administration.js'
import { createConversation, createNumber } from '../support/channel-number.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await createOrganization(service)
})
afterAll(() => service.close())

let count = 0
async function createQueue({ admin }: TestOrganization): Promise<string> {
  count += 1
  const made = await admin.post('/v1/queues', { name: `Queue ${count}` })
  expect(made.status).toBe(201)
  return made.body.id
}

const wakes = (orgId: string) =>
  service.parts.db.inOrg(orgId, (tx) => tx.event.count({ where: { type: 'routing.wanted' } }))

describe('a queue', () => {
  it('is made, renamed and deleted by admins', async () => {
    const made = await org.admin.post('/v1/queues', { name: 'Sales' })
    const renamed = await org.admin.patch(`/v1/queues/${made.body.id}`, { name: 'Orders' })
    const deleted = await org.admin.delete(`/v1/queues/${made.body.id}`)

    expect(made.body).toMatchObject({ name: 'Sales', isDefault: false })
    expect(renamed.body).toMatchObject({ id: made.body.id, name: 'Orders' })
    expect(deleted.status).toBe(204)
    expectProblem(await org.admin.get(`/v1/queues/${made.body.id}`), 404, 'not_found')
  })

  it('needs a name that no other queue of the organization has', async () => {
    const own = await createOrganization(service)
    const id = await createQueue(own)
    await own.admin.post('/v1/queues', { name: 'Support' })

    expectProblem(await own.admin.post('/v1/queues', { name: 'Support' }), 409, 'conflict')
    expectProblem(await own.admin.patch(`/v1/queues/${id}`, { name: 'Support' }), 409, 'conflict')
    expect((await org.admin.post('/v1/queues', { name: 'Support' })).status).toBe(201)
    expectProblem(await own.admin.post('/v1/queues', { name: '' }), 422, 'validation_failed')
    expectProblem(await own.admin.post('/v1/queues', { name: 'B', colour: 1 }), 422, 'validation_failed')
  })

  it('is not deleted while it is the default, a fallback, in a rule, or has conversations', async () => {
    const own = await createOrganization(service)
    const [asFallback, inRule, withWork] = [
      await createQueue(own),
      await createQueue(own),
      await createQueue(own),
    ]
    const queues = (await own.admin.get('/v1/queues')).body.data
    const workstreams = (await own.admin.get('/v1/workstreams')).body.data
    await own.admin.patch(`/v1/workstreams/${workstreams[0].id}`, { fallbackQueueId: asFallback })
    await own.admin.put(`/v1/workstreams/${workstreams[0].id}/routing-rules`, {
      rules: [{ name: 'Gold', when: { field: 'contact.email', op: 'exists' }, queueId: inRule }],
    })
    await createConversation(service, own.id, await createNumber(service, own.id, 'sms'), {
      queueId: withWork,
    })

    const refusalOf = async (id: string) =>
      expectProblem(await own.admin.delete(`/v1/queues/${id}`), 409, 'conflict')['detail']
    const isDefault = queues.find((queue: { isDefault: boolean }) => queue.isDefault).id
    expect(await refusalOf(isDefault)).toContain('default queue')
    expect(await refusalOf(asFallback)).toContain(`fallback queue of the workstream "${workstreams[0].name}"`)
    expect(await refusalOf(inRule)).toContain('routing rule "Gold"')
    expect(await refusalOf(withWork)).toContain('conversations')
  })

  it('goes with its memberships', async () => {
    const id = await createQueue(org)
    const agent = await createAgent(org.admin)
    await org.admin.put(`/v1/queues/${id}/members/${agent.id}`)

    expect((await org.admin.delete(`/v1/queues/${id}`)).status).toBe(204)
  })
})

describe('members of a queue', () => {
  it('are added and removed as often as one likes, and wake routing when something changes', async () => {
    const own = await createOrganization(service)
    const id = await createQueue(own)
    const agent = await createAgent(own.admin, { name: 'Ada' })
    const path = `/v1/queues/${id}/members/${agent.id}`

    const added = [await own.admin.put(path), await own.admin.put(path, {})]
    const members = await own.admin.get(`/v1/queues/${id}/members`)
    const removed = [await own.admin.delete(path), await own.admin.delete(path)]

    expect([...added, ...removed].map(({ status }) => status)).toEqual([204, 204, 204, 204])
    expect(members.body).toEqual({
      data: [
        { agentId: agent.id, name: 'Ada', role: 'agent', presence: 'offline', addedAt: expect.any(String) },
      ],
      nextCursor: null,
    })
    expect((await own.admin.get(`/v1/queues/${id}/members`)).body.data).toEqual([])
    expect(await wakes(own.id)).toBe(2)
  })

  it('are listed page by page, the newest first', async () => {
    const id = await createQueue(org)
    const agents = [await createAgent(org.admin), await createAgent(org.admin), await createAgent(org.admin)]
    for (const agent of agents) await org.admin.put(`/v1/queues/${id}/members/${agent.id}`)

    const walked = await everyPage(org.admin, `/v1/queues/${id}/members`, 1)

    expect(walked).toMatchObject(agents.toReversed().map((agent) => ({ agentId: agent.id })))
  })

  it('must be agents, and the queue must exist', async () => {
    const id = await createQueue(org)
    const agent = await createAgent(org.admin)

    expectProblem(await org.admin.put(`/v1/queues/${id}/members/${unknownId}`), 404, 'not_found')
    expectProblem(await org.admin.put(`/v1/queues/${unknownId}/members/${agent.id}`), 404, 'not_found')
    expectProblem(await org.admin.get(`/v1/queues/${unknownId}/members`), 404, 'not_found')
    expectProblem(
      await org.admin.put(`/v1/queues/${id}/members/${agent.id}`, { since: 'today' }),
      422,
      'validation_failed',
    )
  })
})

describe('queues by role and organization', () => {
  it('are read by all, changed by admins, staffed by supervisors', async () => {
    const id = await createQueue(org)
    const { caller: supervisor } = await createCaller(service, org, 'supervisor')
    const { caller: agent, agentId } = await createCaller(service, org, 'agent')
    const member = `/v1/queues/${id}/members/${agentId}`

    expect((await supervisor.put(member)).status).toBe(204)
    expectProblem(await agent.put(member), 403, 'forbidden')
    expectProblem(await supervisor.post('/v1/queues', { name: 'Mine' }), 403, 'forbidden')
    expectProblem(await supervisor.patch(`/v1/queues/${id}`, { name: 'Mine' }), 403, 'forbidden')
    expectProblem(await agent.delete(`/v1/queues/${id}`), 403, 'forbidden')
    expect((await agent.get(`/v1/queues/${id}/members`)).body.data).toHaveLength(1)
    expect((await agent.get('/v1/queues')).status).toBe(200)
  })

  it('of another organization do not exist', async () => {
    const other = await createOrganization(service)
    const id = await createQueue(org)
    const theirs = await createAgent(other.admin)

    expectProblem(await other.admin.get(`/v1/queues/${id}`), 404, 'not_found')
    expectProblem(await other.admin.patch(`/v1/queues/${id}`, { name: 'Mine' }), 404, 'not_found')
    expectProblem(await other.admin.delete(`/v1/queues/${id}`), 404, 'not_found')
    expectProblem(await other.admin.put(`/v1/queues/${id}/members/${theirs.id}`), 404, 'not_found')
    expectProblem(await org.admin.put(`/v1/queues/${id}/members/${theirs.id}`), 404, 'not_found')
  })
})
