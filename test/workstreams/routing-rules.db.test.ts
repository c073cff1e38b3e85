import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createCaller,
  createOrganization,
  expectProblem,
  type TestOrganization,
  unknownId,
} from '../support/administration.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization
let queueId: string
let path: string

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await createOrganization(service)
  queueId = (await org.admin.get('/v1/queues')).body.data[0].id
  path = `/v1/workstreams/${(await org.admin.get('/v1/workstreams')).body.data[0].id}/routing-rules`
})
afterAll(() => service.close())

const rule = (fields: object = {}) => ({
  name: 'Washington',
  when: { field: 'contact.mobilePhone', op: 'begins_with', value: '1425' },
  queueId,
  ...fields,
})

describe('the routing rules of a workstream', () => {
  it('are none at first', async () => {
    expect((await org.admin.get(path)).body).toEqual({ rules: [] })
  })

  it('are replaced as a whole and kept in their order', async () => {
    const nested = {
      all: [
        { any: [rule().when, { not: { field: 'authenticated', op: 'equals', value: true } }] },
        { field: 'language', op: 'in', value: ['en-US', 'de-DE'] },
        { field: 'contact.email', op: 'exists' },
      ],
    }
    await org.admin.put(path, { rules: [rule({ name: 'Gone' })] })
    const rules = [rule({ name: 'B' }), rule({ name: 'A', when: nested }), rule({ name: 'C' })]

    const replaced = await org.admin.put(path, { rules })

    expect(replaced.status).toBe(200)
    expect(replaced.body).toEqual({ rules })
    expect((await org.admin.get(path)).body).toEqual({ rules })
  })

  it('wake routing', async () => {
    const wakes = () =>
      service.parts.db.inOrg(org.id, (tx) => tx.event.count({ where: { type: 'routing.wanted' } }))
    const before = await wakes()

    await org.admin.put(path, { rules: [] })

    expect(await wakes()).toBe(before + 1)
  })

  it('are one of two lists that are put at the same moment, never a mixture', async () => {
    const lists = ['A', 'B'].map((name) => Array.from({ length: 20 }, () => rule({ name })))

    const answers = await Promise.all(lists.map((rules) => org.admin.put(path, { rules })))

    const names = (await org.admin.get(path)).body.rules.map(({ name }: { name: string }) => name)
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(names).toHaveLength(20)
    expect(new Set(names).size).toBe(1)
  })

  it.each([
    ['no list', {}, 'rules'],
    ['a rule without a condition', { rules: [{ name: 'A', queueId: unknownId }] }, 'rules.0.when'],
    ['an unknown queue', { rules: [rule({ queueId: unknownId })] }, 'rules.0.queueId'],
    ['a misspelt field', { rules: [{ ...rule(), whenn: {} }] }, 'rules.0'],
    [
      'an unknown field of the customer',
      { rules: [rule({ when: { field: 'contact.shoe', op: 'exists' } })] },
      'rules.0.when.field',
    ],
    ['more rules than 200', { rules: Array.from({ length: 201 }, () => rule()) }, 'rules'],
  ])('are refused with %s, naming the place', async (_what, body, place) => {
    await org.admin.put(path, { rules: [] })
    const withQueue = JSON.parse(JSON.stringify(body))
    for (const one of withQueue.rules ?? []) one.queueId ??= queueId

    const problem = expectProblem(await org.admin.put(path, withQueue), 422, 'validation_failed')

    expect(problem['errors']).toMatchObject([{ path: place }])
    expect((await org.admin.get(path)).body).toEqual({ rules: [] })
  })

  it('are refused where a condition has no bottom', async () => {
    let when: object = rule().when
    for (let depth = 0; depth < 2000; depth++) when = { not: when }

    expectProblem(await org.admin.put(path, { rules: [rule({ when })] }), 422, 'validation_failed')
  })

  it('cannot lead to a queue of another organization', async () => {
    const other = await createOrganization(service)
    const theirs = (await other.admin.get('/v1/queues')).body.data[0].id

    expectProblem(await org.admin.put(path, { rules: [rule({ queueId: theirs })] }), 422, 'validation_failed')
  })

  it('are read by supervisors and not by agents', async () => {
    const supervisor = await createCaller(service, org, 'supervisor')
    const agent = await createCaller(service, org, 'agent')

    expect((await supervisor.caller.get(path)).status).toBe(200)
    expectProblem(await agent.caller.get(path), 403, 'forbidden')
  })
})
