import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problemCatalogue } from '../src/lib/errors.js'
import { expectProblem, unknownId } from './support/administration.js'
import { type ApiAnswer, type ApiCall, call } from './support/api-call.js'
import { type Furnished, furnish } from './support/furnished.js'
import { startService, type TestService } from './support/service.js'

/** What api.md names in sections 3 to 8. */
const promised = `
  POST GET /v1/organizations · GET PATCH /v1/organizations/{id}
  POST GET /v1/api-keys · DELETE /v1/api-keys/{id}
  POST GET /v1/channel-accounts · GET PATCH DELETE /v1/channel-accounts/{id} · POST /v1/channel-accounts/{id}/validate
  POST /v1/channel-accounts/{id}/backfill
  POST GET /v1/channel-numbers · GET PATCH DELETE /v1/channel-numbers/{id}
  POST GET /v1/workstreams · GET PATCH DELETE /v1/workstreams/{id}
  POST GET /v1/workstreams/{id}/channels · PATCH DELETE /v1/workstreams/{id}/channels/{channelId}
  GET PUT /v1/workstreams/{id}/routing-rules
  POST GET /v1/queues · GET PATCH DELETE /v1/queues/{id}
  GET /v1/queues/{id}/members · PUT DELETE /v1/queues/{id}/members/{agentId}
  POST GET /v1/agents · GET PATCH /v1/agents/{id} · POST /v1/agents/{id}/tokens · PUT /v1/agents/{id}/presence
  GET /v1/me · PUT /v1/me/presence
  POST GET /v1/contacts · GET PATCH DELETE /v1/contacts/{id}
  GET /v1/quarantine · POST /v1/quarantine/{id}/release
  GET /v1/conversations · GET /v1/conversations/{id}
  POST /v1/conversations/{id}/accept · POST /v1/conversations/{id}/reject · POST /v1/conversations/{id}/pick
  POST /v1/conversations/{id}/close · POST /v1/conversations/{id}/end · POST /v1/conversations/{id}/resume
  POST /v1/conversations/{id}/release · POST /v1/conversations/{id}/force-close
  PUT DELETE /v1/conversations/{id}/contact · POST /v1/conversations/{id}/notes · POST /v1/conversations/{id}/read
  GET /v1/conversations/{id}/customer-summary · GET /v1/conversations/{id}/sessions
  GET /v1/conversations/{id}/history · POST /v1/conversations/{id}/transfer
  POST GET /v1/conversations/{id}/consults · POST /v1/conversations/{id}/consults/{consultId}/add
  POST /v1/conversations/{id}/consults/{consultId}/remove · POST /v1/conversations/{id}/consults/{consultId}/leave
  POST DELETE /v1/conversations/{id}/monitor · POST /v1/conversations/{id}/join · POST /v1/conversations/{id}/assign
  GET PUT /v1/supervision-settings
  POST GET /v1/bulk-actions · GET /v1/bulk-actions/{id} · GET /v1/bulk-actions/{id}/items
  POST GET /v1/conversations/{id}/messages
  POST /v1/conversations/{id}/messages/{messageId}/resend · POST /v1/conversations/{id}/messages/{messageId}/dismiss
  POST /v1/media
  POST /callbacks/twilio/{token} · POST /callbacks/twilio/{token}/status · POST /callbacks/telesign/{token}
  GET /v1/events · GET /healthz · GET /readyz · GET /metrics`

interface Operation {
  operationId?: string
  tags?: string[]
  responses: Record<string, unknown>
  requestBody?: { content: Record<string, { schema: unknown }> }
}

let service: TestService
let home: Furnished
let paths: Record<string, Record<string, Operation>>

beforeAll(async () => {
  service = await startService()
  home = await furnish(service, 'homeland')
  paths = JSON.parse((await ask({ method: 'GET', path: '/openapi.json', key: null })).text).paths
})

afterAll(() => service.close())

const ask = (wanted: ApiCall): Promise<ApiAnswer> => call(service, wanted)
const code = ({ text }: ApiAnswer): unknown => (text.startsWith('{') ? JSON.parse(text).code : text)
const documented = () => service.routes.filter(({ schema }) => !schema?.hide)

describe('the reference', () => {
  it('has every call that was promised', () => {
    const wanted = promised.split(/·|\n/).flatMap((entry) => {
      const words = entry.trim().split(' ')
      const path = words.pop() ?? ''
      return words.map((method) => `${method} ${path}`)
    })
    const offered = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )

    expect(wanted.filter((each) => !offered.includes(each))).toEqual([])
    expect(wanted.length).toBeGreaterThan(70)
  })

  it('has every route, under a name of its own, with a tag and with what it can answer', () => {
    const faults: string[] = []
    const names = new Set<string>()

    for (const { method, url, name } of documented()) {
      const operation = paths[url.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
      const { operationId = '', tags = [], responses = {} } = operation ?? { responses: {} }
      if (operationId === '' || names.has(operationId)) faults.push(`${name} has no operationId of its own`)
      if (tags.length === 0) faults.push(`${name} has no tag`)
      if (!Object.keys(responses).some((status) => status.startsWith('2')))
        faults.push(`${name} has no answer`)
      names.add(operationId)
    }

    expect(faults).toEqual([])
  })

  it('takes no body in which a field could be unknown', () => {
    const open: string[] = []
    const walk = (where: string, node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      const { type, properties, additionalProperties } = node as Record<string, unknown>
      if (type === 'object' && properties && additionalProperties !== false) open.push(where)
      for (const [name, child] of Object.entries(node)) walk(`${where}.${name}`, child)
    }

    for (const { name, schema } of documented()) {
      const isForm = (schema as { consumes?: string[] } | null)?.consumes !== undefined
      if (schema?.body && !isForm)
        walk(name, z.toJSONSchema(schema.body as z.ZodType, { io: 'input', unrepresentable: 'any' }))
    }

    expect(open).toEqual([])
  })

  it.each(['/docs', '/openapi.json', '/healthz', '/readyz', '/metrics'])(
    'opens %s without a key',
    async (path) => {
      const answer = await ask({ method: 'GET', path, key: null })

      expect(answer.status).toBe(200)
      expect(answer.text).not.toBe('')
    },
  )

  it('shows itself in a page whose parts are all there', async () => {
    const page = await ask({ method: 'GET', path: '/docs', key: null })
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, part]) => part)

    expect(parts.length).toBeGreaterThan(2)
    for (const part of parts) {
      const path = new URL(part ?? '', `${service.url}/docs`).pathname
      expect([path, (await ask({ method: 'GET', path, key: null })).status]).toEqual([path, 200])
    }
  })
})

describe('checks come in the order of the contract', () => {
  const big = { name: 'x'.repeat(1024 * 1024) }
  const queues = { method: 'POST', path: '/v1/queues' } as const

  it.each<[string, string, () => Partial<ApiCall> & { path: string }]>([
    ['the key before the address', 'unauthenticated', () => ({ path: '/v1/nowhere', key: null })],
    ['the key before the body', 'unauthenticated', () => ({ ...queues, key: null, body: big })],
    ['the address before the role', 'not_found', () => ({ path: '/v1/nowhere', key: home.keys.agent })],
    [
      'the address before the method’s role',
      'not_found',
      () => ({ ...queues, method: 'PUT', key: home.keys.agent }),
    ],
    ['the address before the body', 'not_found', () => ({ ...queues, method: 'PUT', body: big })],
    [
      'the role before what the body holds',
      'forbidden',
      () => ({ ...queues, key: home.keys.agent, body: { a: 1 } }),
    ],
    [
      'the role before the size of the body',
      'forbidden',
      () => ({ ...queues, key: home.keys.agent, body: big }),
    ],
    [
      'the role before the content type',
      'forbidden',
      () => ({ ...queues, key: home.keys.agent, body: {}, headers: { 'content-type': 'text/plain' } }),
    ],
    [
      'the role before the row',
      'forbidden',
      () => ({ method: 'DELETE', path: `/v1/queues/${unknownId}`, key: home.keys.agent }),
    ],
    [
      'that an agent is needed before what the body holds',
      'forbidden',
      () => ({ method: 'POST', path: `/v1/conversations/${unknownId}/messages`, body: { a: 1 } }),
    ],
    [
      'the content type before what the body holds',
      'unsupported_media_type',
      () => ({ ...queues, body: { a: 1 }, headers: { 'content-type': 'text/plain' } }),
    ],
    [
      'the size of the body before what other headers hold',
      'body_too_large',
      () => ({ ...queues, body: big, headers: { 'idempotency-key': 'x'.repeat(256) } }),
    ],
    [
      'what the body holds before the row',
      'validation_failed',
      () => ({ method: 'PATCH', path: `/v1/queues/${unknownId}`, body: { name: 1 } }),
    ],
    [
      'the query before the row',
      'validation_failed',
      () => ({ path: `/v1/queues/${unknownId}/members?limit=0` }),
    ],
    [
      'the row before a conflict',
      'not_found',
      () => ({ method: 'PATCH', path: `/v1/queues/${unknownId}`, body: { name: 'Queue homeland' } }),
    ],
    [
      'what the body holds before a conflict',
      'validation_failed',
      () => ({ ...queues, body: { name: 'Queue homeland', colour: 'red' } }),
    ],
    [
      'the length of a text before the row',
      'message_too_long',
      () => ({
        method: 'POST',
        path: `/v1/conversations/${unknownId}/messages`,
        key: home.keys.agent,
        body: { text: 'x'.repeat(1601) },
      }),
    ],
    ['a conflict last', 'conflict', () => ({ ...queues, body: { name: 'Queue homeland' } })],
  ])('%s', async (_what, expected, wanted) => {
    const answer = await ask({ method: 'GET', key: home.keys.admin, ...wanted() })

    expect(code(answer)).toBe(expected)
  })
})

describe('a refusal', () => {
  it('is a problem document with all of its members, in each kind of answer', async () => {
    const { admin } = home.org
    const answers = [
      expectProblem(await service.as(null).get('/v1/me'), 401, 'unauthenticated'),
      expectProblem(await admin.get('/v1/organizations'), 403, 'forbidden'),
      expectProblem(await admin.get('/v1/nowhere'), 404, 'not_found'),
      expectProblem(await service.as(null).get('/nowhere'), 404, 'not_found'),
      expectProblem(await service.as(null).get('/%zz'), 404, 'not_found'),
      expectProblem(await admin.get(`/v1/queues/${unknownId}`), 404, 'not_found'),
      expectProblem(await admin.get('/v1/queues/no-id'), 404, 'not_found'),
      expectProblem(await admin.post('/v1/queues', { name: 'Queue homeland' }), 409, 'conflict'),
      expectProblem(await admin.post('/v1/queues', {}), 422, 'validation_failed'),
    ]

    for (const problem of answers) {
      const { title, status } = problemCatalogue[problem['code'] as keyof typeof problemCatalogue]
      expect(problem).toMatchObject({ title, status, type: `urn:parley:problem:${problem['code']}` })
      expect(problem['detail']).toMatch(/\w+ \w+/)
      expect(problem['requestId']).toMatch(/^[0-9a-f-]{36}$/)
    }
    expect(answers.at(-1)?.['errors']).toEqual([{ path: 'name', message: expect.any(String) }])
  })
})
