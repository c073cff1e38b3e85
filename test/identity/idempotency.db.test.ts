import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOrganization, expectProblem } from '../support/administration.js'
import { type Caller, startService, type TestService } from '../support/service.js'

let service: TestService
let platform: Caller

beforeAll(async () => {
  service = await startService({ idle: true })
  platform = service.as(service.platformKey)
})
afterAll(() => service.close())

let used = 0
const newKey = () => {
  used += 1
  return { 'idempotency-key': `key ${used}` }
}

describe('a POST that is repeated with its Idempotency-Key', () => {
  it('makes one organization and answers the same, with null in place of the key', async () => {
    const header = newKey()

    const first = await platform.post('/v1/organizations', { name: 'Once' }, header)
    const second = await platform.post('/v1/organizations', { name: 'Once' }, header)

    expect(second.status).toBe(201)
    expect(second.body).toEqual({ ...first.body, apiKey: { ...first.body.apiKey, key: null } })
  })

  it('makes one row although both calls come at the same moment', async () => {
    const { admin } = await createOrganization(service)
    const header = newKey()

    const answers = await Promise.all(
      Array.from({ length: 5 }, () => admin.post('/v1/contacts', { name: 'Ada' }, header)),
    )

    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201])
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect((await admin.get('/v1/contacts')).body.data).toHaveLength(1)
  })

  it('is refused with another body', async () => {
    const { admin } = await createOrganization(service)
    const header = newKey()

    await admin.post('/v1/queues', { name: 'Sales' }, header)
    const other = await admin.post('/v1/queues', { name: 'Support' }, header)

    expectProblem(other, 422, 'idempotency_key_reused')
  })

  it('shows no agent token a second time', async () => {
    const { admin } = await createOrganization(service)
    const agent = await admin.post('/v1/agents', {
      name: 'Ada',
      email: 'ada@example.com',
      role: 'agent',
      capacityUnits: 1,
    })
    const header = newKey()

    const first = await admin.post(`/v1/agents/${agent.body.id}/tokens`, {}, header)
    const second = await admin.post(`/v1/agents/${agent.body.id}/tokens`, {}, header)

    expect(first.body.token).toMatch(/^parley_agt_/)
    expect(second.body).toEqual({ ...first.body, token: null })
  })

  it('may be made again after a refusal', async () => {
    const { admin } = await createOrganization(service)
    const header = newKey()
    await admin.post('/v1/queues', { name: 'Sales' })

    const refused = await admin.post('/v1/queues', { name: 'Sales' }, header)
    const again = await admin.post('/v1/queues', { name: 'Sales 2' }, header)

    expectProblem(refused, 409, 'conflict')
    expect(again.status).toBe(201)
  })

  it('means something else for another organization', async () => {
    const [one, two] = [await createOrganization(service), await createOrganization(service)]
    const header = newKey()

    const first = await one.admin.post('/v1/queues', { name: 'Sales' }, header)
    const second = await two.admin.post('/v1/queues', { name: 'Sales' }, header)

    expect(second.status).toBe(201)
    expect(second.body.id).not.toBe(first.body.id)
  })
})
