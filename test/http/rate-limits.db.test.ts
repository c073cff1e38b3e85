import { fastify } from 'fastify'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { registerProblems } from '../../src/http/problem.js'
import { createRateLimits } from '../../src/http/rate-limits.js'
import type { Caller } from '../../src/lib/caller.js'
import { createLogger } from '../../src/lib/logger.js'
import { addAccount, post, twilioText } from '../channels/provider-calls.js'
import {
  agentToken,
  createAgent,
  createCaller,
  createOrganization,
  expectProblem,
  type TestOrganization as Organization,
  unknownId,
} from '../support/administration.js'
import { call } from '../support/api-call.js'
import { TestOrganization } from '../support/organization.js'
import { startTestRedis } from '../support/redis.js'
import {
  eventually,
  redisDatabase,
  type ServiceOptions,
  startService,
  type TestService,
} from '../support/service.js'

const guessesPerMinute = 300
let service: TestService

beforeAll(async () => {
  service = await startLimited()
})
afterAll(() => service.close())

const startLimited = (more: ServiceOptions = {}) => startService({ idle: true, rateLimit: true, ...more })

async function allow(
  { id }: Pick<Organization, 'id'>,
  limits: { requestsPerMinute?: number | null; requestsPerMinutePerKey?: number | null },
): Promise<void> {
  const answer = await service.as(service.platformKey).patch(`/v1/organizations/${id}`, limits)
  expect(answer.body).toMatchObject(limits)
}

async function statuses(count: number, ask: () => Promise<{ status: number }>): Promise<number[]> {
  const all = []
  for (let made = 0; made < count; made++) all.push((await ask()).status)
  return all
}

describe('the calls of a key', () => {
  it('are counted in the headers and refused beyond its limit, with the time to come back', async () => {
    const org = await createOrganization(service)
    await allow(org, { requestsPerMinutePerKey: 3 })

    const answers = [
      await org.admin.get('/v1/queues'),
      await org.admin.get('/v1/no-such-address'),
      await org.admin.post('/v1/organizations', {}),
    ]
    const refused = await org.admin.get('/v1/queues')

    expect(answers.map(({ status }) => status)).toEqual([200, 404, 403])
    expect(answers.map(({ headers }) => headers['ratelimit-limit'])).toEqual(['3', '3', '3'])
    expect(answers.map(({ headers }) => headers['ratelimit-remaining'])).toEqual(['2', '1', '0'])
    expectProblem(refused, 429, 'rate_limited')
    expect(refused.body.detail).toContain('more than 3 calls')
    expect(refused.headers['ratelimit-remaining']).toBe('0')
    for (const header of ['ratelimit-reset', 'retry-after']) {
      expect(Number(refused.headers[header])).toBeGreaterThan(0)
      expect(Number(refused.headers[header])).toBeLessThanOrEqual(60)
    }
  })

  it('leave the other keys and tokens of the organization what is theirs', async () => {
    const org = await createOrganization(service)
    const other = await createCaller(service, org, 'supervisor')
    const token = await agentToken(org.admin, (await createAgent(org.admin)).id)
    await allow(org, { requestsPerMinute: 8, requestsPerMinutePerKey: 2 })

    const greedy = await statuses(20, () => other.caller.get('/v1/queues'))
    const ofAgent = await statuses(3, () => service.as(token).get('/v1/me'))

    expect(greedy).toEqual([200, 200, ...Array(18).fill(429)])
    expect(ofAgent).toEqual([200, 200, 429])
  })
})

describe('the calls of an organization', () => {
  it('are counted together, whichever key makes them, and touch no other organization', async () => {
    const org = await createOrganization(service)
    const neighbour = await createOrganization(service)
    const other = await createCaller(service, org, 'supervisor')
    const third = await createCaller(service, org, 'admin')
    await allow(org, { requestsPerMinute: 10 })

    // Two calls of the admin's key have been made
    const first = await statuses(5, () => other.caller.get('/v1/queues'))
    const rest = await statuses(4, () => third.caller.get('/v1/queues'))
    const refused = await org.admin.get('/v1/queues')
    const beside = await statuses(12, () => neighbour.admin.get('/v1/queues'))

    expect([first, rest]).toEqual([Array(5).fill(200), [200, 200, 200, 429]])
    expectProblem(refused, 429, 'rate_limited')
    expect(refused.headers['ratelimit-limit']).toBe('10')
    expect(beside).toEqual(Array(12).fill(200))
  })

  it('are limited by the operator only, within reason, and by the default again after null', async () => {
    const org = await createOrganization(service)
    const operator = service.as(service.platformKey)
    await allow(org, { requestsPerMinute: 60_000, requestsPerMinutePerKey: 30_000 })
    const raised = await org.admin.get('/v1/queues')
    await allow(org, { requestsPerMinute: null, requestsPerMinutePerKey: null })

    const byDefault = await org.admin.get('/v1/queues')
    const own = await org.admin.patch(`/v1/organizations/${org.id}`, { requestsPerMinute: 100_000 })
    const none = await operator.patch(`/v1/organizations/${org.id}`, { requestsPerMinute: 0 })

    expect(raised.headers['ratelimit-limit']).toBe('30000')
    expect(byDefault.headers['ratelimit-limit']).toBe('6000')
    expectProblem(own, 403, 'forbidden')
    expectProblem(none, 422, 'validation_failed')
  })

  it('are not limited where RATE_LIMIT is off', async () => {
    const org = await createOrganization(service)
    await allow(org, { requestsPerMinute: 1, requestsPerMinutePerKey: 1 })
    const unlimited = await startService({ idle: true, rateLimit: false, besides: service })
    onTestFinished(() => unlimited.close())

    const answers = await statuses(5, () => unlimited.as(org.key).get('/v1/queues'))
    const { headers } = await unlimited.as(org.key).get('/v1/queues')

    expect(answers).toEqual(Array(5).fill(200))
    expect(Object.keys(headers).filter((name) => name.startsWith('ratelimit'))).toEqual([])
  })
})

describe('callbacks', () => {
  it('are taken however many come and whatever the limits of the organization are', async () => {
    const org = await TestOrganization.create(service)
    const account = await addAccount(org)
    await allow(org, { requestsPerMinute: 1, requestsPerMinutePerKey: 1 })

    const answers = await Promise.all(Array.from({ length: 50 }, () => post(service, twilioText(account))))

    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200))
    expect(answers[0]?.headers.get('ratelimit-limit')).toBeNull()
  })
})

describe('an address that guesses', () => {
  const from = (address: string) => ({ 'x-forwarded-for': address })

  it.each([
    ['keys', 401, (at: number) => ({ path: '/v1/me', key: `parley_key_${at}`.padEnd(54, 'x') })],
    [
      'callback URLs',
      404,
      (at: number) => ({ path: `/callbacks/twilio/${String(at).padEnd(43, 'x')}`, key: null }),
    ],
    ['what is no callback URL', 404, () => ({ path: '/callbacks/telesign/short', key: null })],
  ])('at %s is told to wait, and no other address is', async (what, usual, target) => {
    const behindProxy = await startLimited({ besides: service, trustProxy: '127.0.0.1' })
    onTestFinished(() => behindProxy.close())
    const guess = (at: number, address: string) => {
      const { path, key } = target(at)
      const method = what === 'keys' ? 'GET' : 'POST'
      return call(behindProxy, { method, path, key, headers: from(address) })
    }

    const guesses = await statuses(guessesPerMinute, () => guess(1, '192.0.2.1'))
    const refused = await guess(2, '192.0.2.1')
    const elsewhere = await guess(3, '192.0.2.2')

    expect(guesses).toEqual(Array(guessesPerMinute).fill(usual))
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([429, 'rate_limited'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(elsewhere.status).toBe(usual)
  })

  it('does not shut out the right keys and callbacks that come from there too', async () => {
    const there = await startLimited({ besides: service })
    onTestFinished(() => there.close())
    const org = await TestOrganization.create(there)
    const account = await addAccount(org)
    const guess = (at: number) =>
      call(there, {
        method: 'POST',
        path: `/callbacks/twilio/${String(at).padEnd(43, 'x')}`,
        key: null,
        // No proxy is trusted: whatever is written here, it is the same address
        headers: from(`192.0.2.${at % 250}`),
      })
    await Promise.all(Array.from({ length: guessesPerMinute }, (_, at) => guess(at)))

    const guessed = await guess(1)
    const answers = await statuses(5, () => post(there, twilioText(account)))
    const byKey = await there.as(org.adminKey).get('/v1/queues')

    expect(guessed.status).toBe(429)
    expect(answers).toEqual(Array(5).fill(200))
    expect(byKey.status).toBe(200)
  })
})

const redisUrl = redisDatabase(3)
// Where no Redis is at hand this part has nothing to show; in CI its absence fails the whole run (test/support/redis.ts)
const stores = redisUrl ? [['Redis', redisUrl] as const] : []

describe.each(stores)('two processes on one %s', (_name, store) => {
  it('count the calls of a key and of an organization together', async () => {
    const one = await startLimited({ redisUrl: store })
    const two = await startLimited({ besides: one })
    onTestFinished(async () => {
      await two.close()
      await one.close()
    })
    const org = await createOrganization(one)
    await one
      .as(one.platformKey)
      .patch(`/v1/organizations/${org.id}`, { requestsPerMinute: 100, requestsPerMinutePerKey: 4 })

    const answers = []
    for (const process of [one, two, one, two, one, two])
      answers.push(await process.as(org.key).get('/v1/queues'))

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429, 429])
    expect(answers.map(({ headers }) => headers['ratelimit-remaining'])).toEqual([
      '3',
      '2',
      '1',
      '0',
      '0',
      '0',
    ])
  })

  it('go on with counts of their own when it goes away', async () => {
    const redis = await startTestRedis()
    if (!redis) throw new Error('There was a redis-server a moment ago.')
    const [one, two] = [await startCounter(redis.url, 100_000), await startCounter(redis.url, 100_000)]
    const left = async (count: typeof one) => (await count()).remaining

    await eventually(
      async () => (await left(one)) - (await left(two)),
      (between) => between === 1,
    )
    await redis.stop()
    const before = await left(one)
    const ofTheOther = (await left(two)) - (await left(two))
    const after = await one()

    expect([ofTheOther, before - after.remaining, after.status]).toEqual([1, 1, 200])
  })
})

it('a process whose Redis was never there counts for itself and refuses nobody for it', async () => {
  const count = await startCounter('redis://127.0.0.1:1', 100)

  const answers = []
  for (let made = 0; made <= 100; made++) answers.push(await count())

  expect(answers.map(({ status }) => status)).toEqual([...Array(100).fill(200), 429])
})

/** A server that does nothing but count the calls of one key. */
async function startCounter(redisUrl: string, perMinute: number) {
  const caller: Caller = {
    kind: 'organization',
    orgId: unknownId,
    keyId: unknownId,
    role: 'admin',
    permissions: [],
    agentId: null,
    agentName: null,
    origin: { requestId: unknownId, address: '127.0.0.1', forwardedFor: null, userAgent: null },
    requestsPerMinute: { organization: 1_000_000, key: perMinute },
  }
  const app = fastify()
  onTestFinished(() => app.close())
  registerProblems(app)
  const limits = await createRateLimits(app, redisUrl, createLogger('silent'))
  app.decorateRequest('caller', null)
  app.get('/', async (request, reply) => {
    request.caller = caller
    await limits.admit(request, reply)
    return 'counted'
  })
  return async () => {
    const { statusCode: status, headers } = await app.inject('/')
    return { status, remaining: Number(headers['ratelimit-remaining']) }
  }
}
