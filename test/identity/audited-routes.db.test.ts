import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { auditActions } from '../../src/identity/audit-actions.js'
import { type ApiAnswer, call } from '../support/api-call.js'
import type { ApiRoute } from '../support/api-watch.js'
import { type Furnished, fillPath, furnish, referencesOf } from '../support/furnished.js'
import { sampleBodies } from '../support/sample-bodies.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

/**
 * Calls that change something and are no configuration: the daily work with conversations, which messages, sessions and
 * events tell. Whatever else is added later must leave an entry, or be named here.
 */
const dailyWork = [
  // Creates nothing
  'POST /v1/workstreams/:id/try',
  ...['accept', 'reject', 'pick', 'close', 'end', 'resume', 'release', 'force-close', 'read', 'transfer'].map(
    (step) => `POST /v1/conversations/:id/${step}`,
  ),
  'PUT /v1/conversations/:id/contact',
  'DELETE /v1/conversations/:id/contact',
  'POST /v1/conversations/:id/notes',
  ...['assign', 'monitor', 'join'].map((step) => `POST /v1/conversations/:id/${step}`),
  'DELETE /v1/conversations/:id/monitor',
  'POST /v1/conversations/:id/consults',
  ...['add', 'remove', 'leave'].map((step) => `POST /v1/conversations/:id/consults/:consultId/${step}`),
  'POST /v1/conversations/:id/messages',
  'POST /v1/media',
  'PUT /v1/me/presence',
]

/** Their body is that of a mail to the provider's support. */
const mails = ['GET /v1/channel-accounts', 'GET /v1/channel-accounts/:id']

let service: TestService
let home: Furnished

beforeAll(async () => {
  service = await startService()
  home = await furnish(service, 'homeland')
  // For the decisions about it
  await runSql(service, `UPDATE messages SET status = 'unknown' WHERE id = $1`, [home.ids['messages']])
})

afterAll(() => service.close())

interface Entry {
  org_id: string
  action: string
  request_id: string
  actor_kind: string
  address: string
}

const entries = (): Promise<Entry[]> => runSql(service, 'SELECT * FROM audit_log ORDER BY id')

const routes = (): ApiRoute[] => service.routes.filter(({ url }) => url.startsWith('/v1/'))
const changes = (): ApiRoute[] =>
  routes().filter(({ method, name }) => !['GET', 'HEAD'].includes(method) && !dailyWork.includes(name))
const readings = (): ApiRoute[] =>
  routes().filter((route) => route.method === 'GET' && tellsTexts(route) && !mails.includes(route.name))

/** Whether an answer may hold what was said: a text, the body of a callback, or something that is no JSON object. */
function tellsTexts({ schema }: ApiRoute): boolean {
  const answer = schema?.response?.['200']
  if (!(answer instanceof z.ZodType)) return false
  const shape = z.toJSONSchema(answer, { unrepresentable: 'any' })
  const isJson = ['properties', 'anyOf', '$ref'].some((part) => part in shape)
  return !isJson || /"(text|body)":\{/.test(JSON.stringify(shape))
}

const keyFor = ({ config }: ApiRoute): string =>
  config.access === 'platform' ? service.platformKey : home.keys.admin

const bodyFor = ({ name, schema }: ApiRoute): Record<string, unknown> | null =>
  schema?.body ? (sampleBodies[name]?.(referencesOf(home)) ?? null) : null

/** Rows of their own for calls that the furnished ones do not allow: each answers the last id of the path. */
const ownRows: Readonly<Record<string, () => Promise<string>>> = {
  'PUT /v1/queues/:id/members/:agentId': () => make('/v1/agents'),
  'DELETE /v1/queues/:id/members/:agentId': async () => home.ids['members'] ?? '',
  'DELETE /v1/agents/:id/capacity-profiles/:profileId': async () => home.ids['capacity-profiles'] ?? '',
  'POST /v1/workstreams/:id/channels': async () => home.ids['workstreams'] ?? '',
  'DELETE /v1/workstreams/:id/channels/:channelId': () => addChannel(),
}

async function make(url: string): Promise<string> {
  const answer = await call(service, {
    method: 'POST',
    path: fillPath(url, (segment) => home.ids[segment]),
    key: home.keys.admin,
    body: sampleBodies[`POST ${url}`]?.(referencesOf(home)),
  })
  return JSON.parse(answer.text).id
}

async function freeNumber(): Promise<string> {
  return (await home.org.addNumber('twilio sms')).id
}

async function addChannel(): Promise<string> {
  const path = `/v1/workstreams/${home.ids['workstreams']}/channels`
  return (await home.org.admin.post(path, { numberId: await freeNumber() })).body.id
}

async function perform(route: ApiRoute): Promise<ApiAnswer> {
  const { method, url, name } = route
  const collection = url.replace(/\/:\w+$/, '')
  const isRemoval = method === 'DELETE'
  const own = ownRows[name] ?? (isRemoval ? () => make(collection) : null)
  const ownId = own && (await own())
  const lastSegment = collection.split('/').at(-1)
  const path = fillPath(url, (segment) => {
    if (segment === 'organizations') return home.org.id
    return ownId && segment === lastSegment ? ownId : home.ids[segment]
  })
  const body = bodyFor(route)
  if (name === 'POST /v1/workstreams/:id/channels' && body) body['numberId'] = await freeNumber()
  return call(service, { method, path: `${path}${queries[name] ?? ''}`, key: keyFor(route), body })
}

/** What a route must be asked. */
const queries: Record<string, string> = { 'GET /v1/messages': '?status=unknown' }

/** What a call leaves in the log, and what is wrong with it. */
async function faultsOf(route: ApiRoute): Promise<string[]> {
  const answer = await perform(route)
  if (answer.status >= 300) return [`${route.name} was refused, so it shows nothing: ${answer.text}`]
  const left = (await entries()).filter(({ request_id }) => !known.has(request_id))
  for (const { request_id } of left) known.add(request_id)
  const last = left.at(-1)
  if (!last) return [`${route.name} leaves no entry in the audit log`]
  const kind = route.config.access === 'platform' ? 'platform' : 'api_key'
  const isWhole = last.actor_kind === kind && last.address === '127.0.0.1' && left.length > 0
  const isKnown = (auditActions as readonly string[]).includes(last.action)
  seen.add(last.action)
  return isWhole && isKnown ? [] : [`${route.name} leaves ${JSON.stringify(last)}`]
}

const known = new Set<string>()
const seen = new Set<string>()

async function faults(of: ApiRoute[]): Promise<string[]> {
  const found: string[] = []
  for (const { request_id } of await entries()) known.add(request_id)
  for (const route of of) found.push(...(await faultsOf(route)))
  return found
}

describe('every call', () => {
  it('that changes the configuration leaves an entry', async () => {
    // A message that was dismissed can still be resent, but not the other way round
    const isLate = ({ name }: ApiRoute) => Number(name.endsWith('/resend'))
    const inOrder = changes().toSorted((a, b) => isLate(a) - isLate(b))

    expect(await faults(inOrder)).toEqual([])
    expect(inOrder.length).toBeGreaterThan(30)
  })

  it('that answers what was said leaves an entry', async () => {
    expect(await faults(readings())).toEqual([])
    expect(readings().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['GET /v1/conversations/:id/messages', 'GET /v1/media/:id', 'GET /v1/events']),
    )
  })

  it('of daily work that is excused is one that exists', () => {
    const names = routes().map(({ name }) => name)

    expect(dailyWork.filter((name) => !names.includes(name))).toEqual([])
  })

  it('together they leave each kind of entry that there is', () => {
    expect(auditActions.filter((action) => !seen.has(action))).toEqual([])
  })
})

describe('a call that only reads the configuration', () => {
  it('leaves none', async () => {
    const before = (await entries()).length

    const read = readings()
    for (const route of routes().filter((each) => each.method === 'GET' && !read.includes(each))) {
      const path = fillPath(route.url, (segment) =>
        segment === 'organizations' ? home.org.id : home.ids[segment],
      )
      await call(service, { method: 'GET', path, key: keyFor(route) })
    }

    expect((await entries()).length).toBe(before)
  })
})
