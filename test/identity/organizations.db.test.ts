import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOrganization, everyPage, expectProblem, unknownId } from '../support/administration.js'
import { type Caller, startService, type TestService } from '../support/service.js'

let service: TestService
let platform: Caller

beforeAll(async () => {
  service = await startService({ idle: true })
  platform = service.as(service.platformKey)
})
afterAll(() => service.close())

describe('a new organization', () => {
  it('comes with its first admin key, both channels, and UTC where no time zone is given', async () => {
    const made = await platform.post('/v1/organizations', { name: 'Northwind', defaultCountry: 'US' })

    expect(made.status).toBe(201)
    expect(made.body).toEqual({
      id: expect.any(String),
      name: 'Northwind',
      timeZone: 'UTC',
      defaultCountry: 'US',
      channels: { sms: true, whatsapp: true },
      suspended: false,
      requestsPerMinute: null,
      requestsPerMinutePerKey: null,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updatedAt: made.body.createdAt,
      apiKey: { id: expect.any(String), key: expect.stringMatching(/^parley_key_/), role: 'admin' },
    })
  })

  it('has a default queue and a built-in workstream for each channel', async () => {
    const { admin } = await createOrganization(service)

    const queues = await admin.get('/v1/queues')
    const workstreams = await admin.get('/v1/workstreams')

    expect(queues.body.data).toMatchObject([{ isDefault: true }])
    expect(workstreams.body.data).toMatchObject([
      { channel: 'whatsapp', distribution: 'push', isBuiltIn: true, fallbackQueueId: queues.body.data[0].id },
      { channel: 'sms', distribution: 'push', isBuiltIn: true, fallbackQueueId: queues.body.data[0].id },
    ])
  })

  it.each([
    [{}, 'name'],
    [{ name: '  ' }, 'name'],
    [{ name: 'A', timeZone: 'Mars/Olympus' }, 'timeZone'],
    [{ name: 'A', defaultCountry: 'usa' }, 'defaultCountry'],
    [{ name: 'A', timezone: 'UTC' }, ''],
  ])('is refused with %j', async (body, path) => {
    const answer = await platform.post('/v1/organizations', body)

    const problem = expectProblem(answer, 422, 'validation_failed')
    expect(problem['errors']).toMatchObject([{ path }])
  })

  it('is made by the operator only', async () => {
    const { admin } = await createOrganization(service)

    expectProblem(await service.as(null).post('/v1/organizations', { name: 'A' }), 401, 'unauthenticated')
    expectProblem(await service.as('wrong').post('/v1/organizations', { name: 'A' }), 401, 'unauthenticated')
    expectProblem(await admin.post('/v1/organizations', { name: 'A' }), 403, 'forbidden')
  })
})

describe('the operator', () => {
  it('sees every organization once, the newest first', async () => {
    const first = await createOrganization(service)
    const second = await createOrganization(service)

    const ids = (await everyPage(platform, '/v1/organizations', 2)).map(({ id }) => id)

    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.slice(0, 2)).toEqual([second.id, first.id])
  })

  it('renames an organization and switches a channel off without touching the other', async () => {
    const { id } = await createOrganization(service)

    const changed = await platform.patch(`/v1/organizations/${id}`, {
      name: 'New name',
      timeZone: 'Europe/Berlin',
      channels: { whatsapp: false },
    })

    expect(changed.status).toBe(200)
    expect((await platform.get(`/v1/organizations/${id}`)).body).toEqual(changed.body)
    expect(changed.body).toMatchObject({
      name: 'New name',
      timeZone: 'Europe/Berlin',
      channels: { sms: true, whatsapp: false },
    })
  })

  it('has no access to the rows of an organization', async () => {
    expectProblem(await platform.get('/v1/contacts'), 403, 'forbidden')
    expectProblem(await platform.get('/v1/api-keys'), 403, 'forbidden')
    expectProblem(await platform.get('/v1/me'), 403, 'forbidden')
  })

  it.each(['/v1/organizations/', '/v1/organizations/no-id', `/v1/organizations/${unknownId}`])(
    'finds nothing under %s',
    async (path) => {
      expectProblem(await platform.get(path), 404, 'not_found')
    },
  )
})

describe('a suspended organization', () => {
  it('is refused with its own code until it returns', async () => {
    const { id, admin } = await createOrganization(service)

    const suspended = await platform.patch(`/v1/organizations/${id}`, { suspended: true })
    const during = await admin.get('/v1/me')
    await platform.patch(`/v1/organizations/${id}`, { suspended: false })
    const afterwards = await admin.get('/v1/me')

    expect(suspended.body.suspended).toBe(true)
    expectProblem(during, 403, 'organization_suspended')
    expect(afterwards.status).toBe(200)
  })

  it('does not keep others from working', async () => {
    const [suspended, other] = [await createOrganization(service), await createOrganization(service)]

    await platform.patch(`/v1/organizations/${suspended.id}`, { suspended: true })

    expect((await other.admin.get('/v1/me')).status).toBe(200)
  })
})
