import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createCaller,
  createOrganization,
  expectProblem,
  type TestOrganization,
  unknownId,
} from '../support/administration.js'
import { createConversation, createNumber } from '../support/channel-number.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization
let defaultQueueId: string

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await createOrganization(service)
  defaultQueueId = (await org.admin.get('/v1/queues')).body.data[0].id
})
afterAll(() => service.close())

let count = 0
const body = (fields: object = {}) => {
  count += 1
  return {
    name: `Workstream ${count}`,
    channel: 'sms',
    distribution: 'push',
    autoCloseAfterMinutes: 480,
    ...fields,
  }
}

async function createWorkstream(fields: object = {}): Promise<string> {
  const made = await org.admin.post('/v1/workstreams', body(fields))
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  return made.body.id
}

describe('a new workstream', () => {
  it('has one unit, the same agent, capacity blocked in wrap-up and the default queue to fall back on', async () => {
    const wanted = body({ channel: 'whatsapp', distribution: 'pick', autoCloseAfterMinutes: 1 })

    const made = await org.admin.post('/v1/workstreams', wanted)

    expect(made.status).toBe(201)
    expect(made.body).toEqual({
      ...wanted,
      id: expect.any(String),
      isBuiltIn: false,
      capacityUnits: 1,
      capacityProfileId: null,
      allowedPresences: ['available', 'busy'],
      keepSameAgent: true,
      wrapUpBlock: 'always',
      automaticMessages: true,
      skillMatching: 'exact',
      fallbackQueueId: defaultQueueId,
      createdAt: expect.any(String),
      updatedAt: made.body.createdAt,
    })
    expect((await org.admin.get(`/v1/workstreams/${made.body.id}`)).body).toEqual(made.body)
  })

  it.each(['always', 'none', { seconds: 30 }, { seconds: 3600 }])(
    'may block capacity in wrap-up %j',
    async (wrapUpBlock) => {
      const made = await org.admin.post('/v1/workstreams', body({ wrapUpBlock }))

      expect(made.body.wrapUpBlock).toEqual(wrapUpBlock)
    },
  )

  it.each([
    [
      'SMS that closes sooner than after eight hours',
      { autoCloseAfterMinutes: 479 },
      'autoCloseAfterMinutes',
    ],
    ['no time to close after', { autoCloseAfterMinutes: undefined }, 'autoCloseAfterMinutes'],
    [
      'WhatsApp that closes at once',
      { channel: 'whatsapp', autoCloseAfterMinutes: 0 },
      'autoCloseAfterMinutes',
    ],
    ['an unknown channel', { channel: 'fax' }, 'channel'],
    ['an unknown distribution', { distribution: 'random' }, 'distribution'],
    ['no capacity', { capacityUnits: 0 }, 'capacityUnits'],
    ['too short a wrap-up', { wrapUpBlock: { seconds: 29 } }, 'wrapUpBlock.seconds'],
    ['an unknown wrap-up', { wrapUpBlock: 'sometimes' }, 'wrapUpBlock'],
    ['an unknown queue', { fallbackQueueId: unknownId }, 'fallbackQueueId'],
    ['a field of a later version', { operatingHoursId: unknownId }, ''],
  ])('is refused with %s', async (_what, fields, path) => {
    const answer = await org.admin.post('/v1/workstreams', body(fields))

    const problem = expectProblem(answer, 422, 'validation_failed')
    expect(problem['errors']).toMatchObject([{ path }])
  })

  it('needs a name of its own', async () => {
    await createWorkstream({ name: 'Sales' })

    expectProblem(await org.admin.post('/v1/workstreams', body({ name: 'Sales' })), 409, 'conflict')
  })
})

describe('a changed workstream', () => {
  it('keeps what is not named', async () => {
    const id = await createWorkstream({ capacityUnits: 2, wrapUpBlock: 'none' })

    const changed = await org.admin.patch(`/v1/workstreams/${id}`, {
      keepSameAgent: false,
      autoCloseAfterMinutes: 1000,
    })

    expect(changed.status).toBe(200)
    expect(changed.body).toMatchObject({
      capacityUnits: 2,
      wrapUpBlock: 'none',
      keepSameAgent: false,
      autoCloseAfterMinutes: 1000,
    })
  })

  it.each([
    [{ channel: 'whatsapp' }, 'channel', 'fixed'],
    [{ distribution: 'pick' }, 'distribution', 'fixed'],
    [{ autoCloseAfterMinutes: 479 }, 'autoCloseAfterMinutes', '480'],
    [{ fallbackQueueId: unknownId }, 'fallbackQueueId', 'no such queue'],
  ])('is refused with %j, saying why', async (change, path, message) => {
    const id = await createWorkstream()

    const answer = await org.admin.patch(`/v1/workstreams/${id}`, change)

    const problem = expectProblem(answer, 422, 'validation_failed')
    expect(problem['errors']).toEqual([{ path, message: expect.stringContaining(message) }])
  })

  it('cannot take the name of another', async () => {
    const id = await createWorkstream()
    await createWorkstream({ name: 'Taken' })

    expectProblem(await org.admin.patch(`/v1/workstreams/${id}`, { name: 'Taken' }), 409, 'conflict')
  })
})

describe('a deleted workstream', () => {
  it('is gone with its rules', async () => {
    const id = await createWorkstream()
    await org.admin.put(`/v1/workstreams/${id}/routing-rules`, {
      rules: [
        { name: 'All', when: { field: 'channel', op: 'equals', value: 'sms' }, queueId: defaultQueueId },
      ],
    })

    const deleted = await org.admin.delete(`/v1/workstreams/${id}`)

    expect(deleted.status).toBe(204)
    expectProblem(await org.admin.get(`/v1/workstreams/${id}`), 404, 'not_found')
  })

  it('is refused while it is built in, has numbers, or has conversations', async () => {
    const builtIn = (await org.admin.get('/v1/workstreams?limit=100')).body.data.find(
      (workstream: { isBuiltIn: boolean }) => workstream.isBuiltIn,
    )
    const withNumber = await createWorkstream()
    const withWork = await createWorkstream()
    const numberId = await createNumber(service, org.id, 'sms', '+14255550100')
    await org.admin.post(`/v1/workstreams/${withNumber}/channels`, { numberId })
    await createConversation(service, org.id, numberId, { workstreamId: withWork })

    const refusalOf = async (id: string) =>
      expectProblem(await org.admin.delete(`/v1/workstreams/${id}`), 409, 'conflict')['detail']
    expect(await refusalOf(builtIn.id)).toContain('built-in')
    expect(await refusalOf(withNumber)).toContain('+14255550100')
    expect(await refusalOf(withWork)).toContain('conversations')
  })
})

describe('workstreams by role and organization', () => {
  it('are read by all and changed by admins', async () => {
    const id = await createWorkstream()
    for (const role of ['supervisor', 'agent'] as const) {
      const { caller } = await createCaller(service, org, role)

      expect((await caller.get(`/v1/workstreams/${id}`)).status).toBe(200)
      expect((await caller.get(`/v1/workstreams/${id}/channels`)).status).toBe(200)
      expectProblem(await caller.post('/v1/workstreams', body()), 403, 'forbidden')
      expectProblem(await caller.patch(`/v1/workstreams/${id}`, { name: 'Mine' }), 403, 'forbidden')
      expectProblem(await caller.delete(`/v1/workstreams/${id}`), 403, 'forbidden')
      expectProblem(await caller.post(`/v1/workstreams/${id}/channels`, {}), 403, 'forbidden')
      expectProblem(await caller.put(`/v1/workstreams/${id}/routing-rules`, {}), 403, 'forbidden')
    }
  })

  it('of another organization do not exist', async () => {
    const other = await createOrganization(service)
    const id = await createWorkstream()
    const numberId = await createNumber(service, other.id, 'sms')

    expectProblem(await other.admin.get(`/v1/workstreams/${id}`), 404, 'not_found')
    expectProblem(await other.admin.patch(`/v1/workstreams/${id}`, { name: 'Mine' }), 404, 'not_found')
    expectProblem(await other.admin.delete(`/v1/workstreams/${id}`), 404, 'not_found')
    expectProblem(await other.admin.get(`/v1/workstreams/${id}/channels`), 404, 'not_found')
    expectProblem(await other.admin.post(`/v1/workstreams/${id}/channels`, { numberId }), 404, 'not_found')
    expectProblem(await other.admin.get(`/v1/workstreams/${id}/routing-rules`), 404, 'not_found')
    expectProblem(
      await other.admin.put(`/v1/workstreams/${id}/routing-rules`, { rules: [] }),
      404,
      'not_found',
    )
    expectProblem(
      await other.admin.post('/v1/workstreams', body({ fallbackQueueId: defaultQueueId })),
      422,
      'validation_failed',
    )
  })
})
