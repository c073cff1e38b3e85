import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { unknownId } from '../support/administration.js'
import { type ApiAnswer, type ApiCall, call } from '../support/api-call.js'
import type { ApiRoute } from '../support/api-watch.js'
import { type Furnished, fillPath, furnish, referencesOf } from '../support/furnished.js'
import { sampleBodies } from '../support/sample-bodies.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let home: Furnished

beforeAll(async () => {
  service = await startService()
  home = await furnish(service, 'homeland')
})

afterAll(() => service.close())

const ask = (wanted: ApiCall): Promise<ApiAnswer> => call(service, wanted)
const code = ({ text }: ApiAnswer): unknown => (text.startsWith('{') ? JSON.parse(text).code : text)
const documented = () => service.routes.filter(({ schema }) => !schema?.hide)
const lists = () => documented().filter(({ schema }) => queryNames(schema).includes('limit'))
const keyFor = ({ config }: ApiRoute) =>
  config.access === 'platform' ? service.platformKey : home.keys.admin
const pathFor = ({ url }: ApiRoute) => fillPath(url, (segment) => home.ids[segment])

/** What a list cannot do without. */
const needed: Readonly<Record<string, string>> = { 'GET /v1/messages': 'status=unknown' }
const addressOf = (route: ApiRoute, query: string) =>
  `${pathFor(route)}?${[needed[route.name], query].filter(Boolean).join('&')}`

function queryNames(schema: ApiRoute['schema']): string[] {
  if (!schema?.querystring) return []
  return Object.keys(z.toJSONSchema(schema.querystring as z.ZodType, { io: 'input' }).properties ?? {})
}

describe('every list', () => {
  const bad = ['limit=0', 'limit=101', 'limit=-1', 'limit=1.5', 'limit=many', 'limit=', 'limit=1&limit=2']
  const cursors = [
    '',
    'x',
    '%00',
    'bnVsbA',
    ...['{}', '[]', '[1]', '[null]', '["x"]', `["${unknownId}","${unknownId}"]`, '["9".repeat(30)]'].map(
      (text) => Buffer.from(text).toString('base64url'),
    ),
    Buffer.from(JSON.stringify(['0000-01-01T00:00:00.000Z', unknownId])).toString('base64url'),
    Buffer.from(JSON.stringify(['9'.repeat(19)])).toString('base64url'),
  ].map((cursor) => `cursor=${cursor}`)

  it('has the same envelope and takes limits from 1 to 100', async () => {
    const faults: string[] = []

    for (const route of lists()) {
      for (const query of ['', 'limit=1', 'limit=100']) {
        const answer = await ask({ method: 'GET', path: addressOf(route, query), key: keyFor(route) })
        const { data, nextCursor, ...more } = JSON.parse(answer.text)
        const isList = Array.isArray(data) && (nextCursor === null || typeof nextCursor === 'string')
        if (answer.status !== 200 || !isList || Object.keys(more).length > 0)
          faults.push(`${route.name} ${query}`)
        if (query === 'limit=1' && data.length > 1) faults.push(`${route.name} gives ${data.length} for 1`)
      }
    }

    expect(faults).toEqual([])
    expect(lists().length).toBeGreaterThan(14)
  })

  it('refuses other limits, and cursors that it did not give', async () => {
    const faults: string[] = []

    for (const route of lists()) {
      const sorted = queryNames(route.schema).includes('sort') ? ['', '&sort=activity'] : ['']
      for (const query of [...bad, ...cursors].flatMap((each) => sorted.map((sort) => each + sort))) {
        const answer = await ask({ method: 'GET', path: addressOf(route, query), key: keyFor(route) })
        if (code(answer) !== 'validation_failed') faults.push(`${route.name} ${query}: ${answer.status}`)
      }
    }

    expect(faults).toEqual([])
  })

  it('is every route that answers several rows', () => {
    const answersRows = ({ schema }: ApiRoute) => {
      const ok = schema?.response?.['200']
      const properties =
        ok instanceof z.ZodType ? z.toJSONSchema(ok, { unrepresentable: 'any' }).properties : {}
      return 'nextCursor' in (properties ?? {})
    }

    expect(
      documented()
        .filter(answersRows)
        .map(({ name }) => name),
    ).toEqual(lists().map(({ name }) => name))
  })

  it.each([
    'GET /v1/organizations',
    'GET /v1/api-keys',
    'GET /v1/agents',
    'GET /v1/contacts',
    'GET /v1/queues',
    'GET /v1/workstreams',
    'GET /v1/channel-accounts',
    'GET /v1/channel-numbers',
    'GET /v1/conversations/:id/messages',
  ])('shows each early row once while rows are added: %s', async (name) => {
    const route = lists().find((each) => each.name === name)
    if (!route) throw new Error(`There is no list ${name}`)
    const [path, key] = [pathFor(route), keyFor(route)]
    const add = () => ask(creation(route, path, key))
    for (let n = 0; n < 5; n++) await add()
    const early = await rowsOf(path, key, '?limit=100')

    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page = await ask({ method: 'GET', path: `${path}?limit=2${cursor && `&cursor=${cursor}`}`, key })
      const { data, nextCursor } = JSON.parse(page.text)
      seen.push(...data.map(({ id }: { id: string }) => id))
      cursor = nextCursor
      if (seen.length < 20) expect((await add()).status).toBeLessThan(300)
    }

    expect(early.length).toBeGreaterThan(5)
    expect(new Set(seen).size).toBe(seen.length)
    expect(early.filter((id) => !seen.includes(id))).toEqual([])
  })
})

async function rowsOf(path: string, key: string, query: string): Promise<string[]> {
  const { data } = JSON.parse((await ask({ method: 'GET', path: path + query, key })).text)
  return data.map(({ id }: { id: string }) => id)
}

/** The call that adds a row to a list. */
function creation({ url }: ApiRoute, path: string, key: string): ApiCall {
  if (url.endsWith('/messages'))
    return { method: 'POST', path: path.replace(/messages$/, 'notes'), key, body: { text: 'A note' } }
  const body = sampleBodies[`POST ${url}`]?.(referencesOf(home))
  return { method: 'POST', path, key, body }
}
