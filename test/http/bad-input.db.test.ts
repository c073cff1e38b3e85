import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiRoute } from '../support/api-watch.js'
import { type Furnished, fillPath, furnish, referencesOf } from '../support/furnished.js'
import { done } from '../support/organization.js'
import { sampleBodies } from '../support/sample-bodies.js'
import { startService, type TestService } from '../support/service.js'

interface Told {
  status: number
  code: string | undefined
  text: string
}

let service: TestService
let home: Furnished

beforeAll(async () => {
  service = await startService()
  home = await furnish(service, 'homeland')
})

afterAll(() => service.close())

async function send(
  { method, url }: Pick<ApiRoute, 'method' | 'url'>,
  body: RequestInit['body'] | null = null,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<Told> {
  const { agent } = home
  const key = url.startsWith('/v1/organizations')
    ? service.platformKey
    : isSupervisors(url)
      ? home.keys.supervisor
      : isAgents(url)
        ? agent.key
        : home.keys.admin
  const path = fillPath(url, (segment) => (segment === 'organizations' ? home.org.id : home.ids[segment]))
  const answer = await fetch(service.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...headers },
    body,
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  })
  const text = await answer.text()
  return { status: answer.status, text, code: text.startsWith('{') ? JSON.parse(text).code : undefined }
}

/** Calls about the conversations of others. */
const isSupervisors = (url: string): boolean => /\/(assign|monitor|join|force-close)$/.test(url)

/** Calls that only somebody who is an agent may make. */
const isAgents = (url: string): boolean =>
  url.startsWith('/v1/me') || url.startsWith('/v1/conversations/:id/')

const isForm = ({ schema }: ApiRoute): boolean =>
  (schema as { consumes?: string[] } | null)?.consumes !== undefined
const withBody = (): ApiRoute[] => service.routes.filter((route) => route.schema?.body && !isForm(route))

function sampleFor({ name }: ApiRoute): Record<string, unknown> | null {
  const sample = sampleBodies[name]
  if (!sample) throw new Error(`Write a sample body for ${name}`)
  return sample(referencesOf(home))
}

/** What every route with a body answers to the same input, where it is not this. */
async function exceptions(code: string, attempt: (route: ApiRoute) => Promise<Told>): Promise<string[]> {
  const found: string[] = []
  for (const route of withBody()) {
    const told = await attempt(route)
    if (told.code !== code) found.push(`${route.name}: ${told.status} ${told.text.slice(0, 200)}`)
  }
  return found
}

describe('every call with a body', () => {
  it.each(['{"name":', '{"name": "x"', "{'name': 1}", 'undefined', '{"a":1}{"b":2}', '[', '\u0000'])(
    'refuses %j, which is not JSON',
    async (body) => {
      expect(await exceptions('malformed_body', (route) => send(route, body))).toEqual([])
    },
  )

  it('refuses text that is not UTF-8', async () => {
    const body = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')])

    expect(await exceptions('malformed_body', (route) => send(route, body))).toEqual([])
  })

  it.each([
    '{"__proto__": {"isAdmin": true}}',
    '{"constructor": {"prototype": {"isAdmin": true}}}',
    '{"a": [{"__proto__": 1}]}',
    '{"\\u005f\\u005fproto__": 1}',
  ])('refuses %s, which is after every object of the program', async (body) => {
    expect(await exceptions('malformed_body', (route) => send(route, body))).toEqual([])
  })

  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
    'json',
  ])('refuses the content type %s', async (type) => {
    const attempt = (route: ApiRoute) => send(route, '{}', { 'content-type': type })

    expect(await exceptions('unsupported_media_type', attempt)).toEqual([])
  })

  it('refuses more than 1 MiB, whether it says so before or not', async () => {
    const body = `{"name":"${'x'.repeat(1024 * 1024)}"}`
    const inChunks = () => new Blob([body]).stream()

    expect(await exceptions('body_too_large', (route) => send(route, body))).toEqual([])
    expect((await send({ method: 'POST', url: '/v1/queues' }, inChunks())).code).toBe('body_too_large')
  })

  it('refuses a field that it does not know', async () => {
    const attempt = (route: ApiRoute) => send(route, JSON.stringify({ ...sampleFor(route), colour: 'red' }))

    expect(await exceptions('validation_failed', attempt)).toEqual([])
  })

  it.each(['[]', '1', '"text"', 'true'])('refuses %s in place of an object', async (body) => {
    expect(await exceptions('validation_failed', (route) => send(route, body))).toEqual([])
  })

  it.each([
    ['NUL characters', '\u0000'],
    ['half a surrogate pair', '\ud800'],
    ['the other half', '\udc00'],
  ])('survives %s in each of its texts', async (_what, character) => {
    const failures: string[] = []

    for (const route of withBody()) {
      const body = JSON.stringify(sampleFor(route), (_name, value) =>
        typeof value === 'string' ? `${character}${value}${character}` : value,
      )
      const told = await send(route, body)
      if (told.status >= 500) failures.push(`${route.name}: ${told.text}`)
    }

    expect(failures).toEqual([])
  })
})

describe('a call that needs no body', () => {
  it('takes none or {}, whatever its content type is said to be', async () => {
    const refused: string[] = []

    for (const route of withBody().filter((each) => sampleFor(each) === null)) {
      for (const [body, headers] of [
        [null, {}],
        ['', { 'content-type': 'application/json' }],
        ['', { 'content-type': 'application/x-www-form-urlencoded' }],
        ['{}', { 'content-type': 'application/json' }],
        ['{}', { 'content-type': 'application/json; charset=utf-8' }],
      ] as [string | null, Record<string, string>][]) {
        const { status, text } = await send(route, body, headers)
        if ([400, 415, 422].includes(status)) refused.push(`${route.name} with ${body}: ${text}`)
      }
    }

    expect(refused).toEqual([])
  })
})

describe('an unknown address or method', () => {
  it('is 404 and a problem, also with a body that nobody can read', async () => {
    const paths = [
      ...new Set(service.routes.filter(({ url }) => url.startsWith('/v1')).map(({ url }) => url)),
    ]
    const strange: string[] = []

    for (const url of paths) {
      const known = service.routes.filter((route) => route.url === url).map(({ method }) => method)
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) {
        if (known.includes(method)) continue
        const body = ['GET', 'HEAD'].includes(method) ? null : '{"'
        const told = await send({ method, url }, body)
        if (told.status !== 404 || (method !== 'HEAD' && told.code !== 'not_found'))
          strange.push(`${method} ${url}: ${told.status}`)
      }
    }

    expect(strange).toEqual([])
  })

  it.each([
    '/v1/queues/',
    '/v1/queues//',
    '/v1',
    '/v1/',
    '//v1/queues',
    '/V1/queues',
    '/v1/queues/%2e%2e',
    '/v1/%00',
    '/v1/queues/%ff',
    `/v1/queues/${'x'.repeat(3000)}`,
  ])('is told from a known one: %s', async (path) => {
    const told = await send({ method: 'GET', url: path }, null, {})

    expect(told.code).toBe('not_found')
  })
})

describe('what cannot be stored', () => {
  it('is dropped from a text (NUL) or replaced in it (half a character), and the rest is kept', async () => {
    const { admin } = home.org
    const { body } = await done(admin.post('/v1/contacts', { name: 'A\u0000B \ud800 😀 \u202e' }), 201)
    const note = await done(
      admin.post(`/v1/conversations/${home.ids['conversations']}/notes`, { text: 'x\u0000y\udfff' }),
      201,
    )

    expect(body.name).toBe('AB \ufffd 😀 \u202e')
    expect(note.body.text).toBe('xy\ufffd')
  })

  it('finds nothing in a query', async () => {
    const { admin } = home.org

    for (const query of ['q=%00x', 'q=%ED%A0%80', 'q=%ff%fe', 'q=%25', 'q=%5C', "q='--", 'mobilePhone=%00'])
      expect([query, (await admin.get(`/v1/contacts?${query}`)).status]).toEqual([
        query,
        expect.toBeOneOf([200, 422]),
      ])
    for (const query of [
      'customerAddress=%00',
      'customerAddress=%ff',
      'customerAddress[a]=1',
      'contactId=%00',
    ])
      expect((await admin.get(`/v1/conversations?${query}`)).status).toBeLessThan(500)
  })

  it('is no reason to fail in a header, nor is an address of any length', async () => {
    const { admin } = home.org
    const longAddress = `/v1/queues?${randomBytes(5000).toString('hex')}`
    const post = (headers: Record<string, string>, path = '/v1/queues') =>
      admin.post(path, { name: `Queue ${randomBytes(4).toString('hex')}` }, headers)

    expect((await post({ 'idempotency-key': 'key' }, longAddress)).status).toBe(201)
    expect((await post({ 'idempotency-key': 'ä\u00ff' })).status).toBe(201)
    expect((await post({ 'idempotency-key': 'x'.repeat(256) })).status).toBe(422)
    expect((await post({ 'idempotency-key': '' })).status).toBe(201)
    expect((await post({ authorization: 'x'.repeat(9000) })).status).toBe(401)
  })
})

describe('a callback', () => {
  it('of more than 64 KiB is too large', async () => {
    const { callbackUrl } = await home.org.addNumber('twilio sms')

    const answer = await fetch(callbackUrl.replace(/#.*/, ''), {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'x'.repeat(65_537),
    })

    expect(answer.status).toBe(413)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
  })

  it.each([
    ['an unknown token is no address', 404, 'a=b', 'application/x-www-form-urlencoded'],
    ['nor with broken text', 404, '\ufffd%ff%00', 'application/json'],
  ])('%s', async (_what, status, body, type) => {
    const answer = await fetch(`${service.url}/callbacks/twilio/${'a'.repeat(43)}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    })

    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
  })
})
