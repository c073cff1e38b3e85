import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unknownId } from './support/administration.js'
import { type ApiAnswer, call } from './support/api-call.js'
import type { ApiRoute } from './support/api-watch.js'
import { done, TestOrganization } from './support/organization.js'
import { startService, type TestService } from './support/service.js'

type Who = 'platform' | 'admin' | 'supervisor' | 'agent'

const admin: Who[] = ['admin']
const leaders: Who[] = ['admin', 'supervisor']
const everyone: Who[] = ['admin', 'supervisor', 'agent']
/** Work on a conversation needs a key that names an agent: an admin's does not (api.md 2). */
const agents: Who[] = ['supervisor', 'agent']
const platform: Who[] = ['platform']

/** Who may make which call (api.md 2 and 3). Written down here and not read from the routes, which are what is tested. */
const allowed: Readonly<Record<string, Who[] | 'anybody'>> = {
  'GET /openapi.json': 'anybody',
  'GET /docs': 'anybody',
  'GET /docs/static/index.html': 'anybody',
  'GET /docs/static/swagger-initializer.js': 'anybody',
  'GET /docs/json': 'anybody',
  'GET /docs/yaml': 'anybody',
  'HEAD /docs/static/*': 'anybody',
  'GET /docs/static/*': 'anybody',
  'GET /healthz': 'anybody',
  'GET /readyz': 'anybody',
  'GET /metrics': 'anybody',
  'POST /callbacks/twilio/:token': 'anybody',
  'POST /callbacks/twilio/:token/status': 'anybody',
  'POST /callbacks/telesign/:token': 'anybody',
  'GET /media/:orgId/:mediaId': 'anybody',

  'POST /v1/organizations': platform,
  'GET /v1/organizations': platform,
  'GET /v1/organizations/:id': platform,
  'PATCH /v1/organizations/:id': platform,

  'POST /v1/api-keys': admin,
  'GET /v1/api-keys': leaders,
  'DELETE /v1/api-keys/:id': admin,
  'GET /v1/audit-log': admin,
  'POST /v1/channel-accounts': admin,
  'GET /v1/channel-accounts': leaders,
  'GET /v1/channel-accounts/:id': leaders,
  'PATCH /v1/channel-accounts/:id': admin,
  'DELETE /v1/channel-accounts/:id': admin,
  'POST /v1/channel-accounts/:id/validate': admin,
  'POST /v1/channel-accounts/:id/backfill': admin,
  'POST /v1/channel-numbers': admin,
  'GET /v1/channel-numbers': everyone,
  'GET /v1/channel-numbers/:id': everyone,
  'PATCH /v1/channel-numbers/:id': admin,
  'DELETE /v1/channel-numbers/:id': admin,
  'GET /v1/quarantine': admin,
  'POST /v1/quarantine/:id/release': admin,
  'POST /v1/quarantine/release': admin,
  'POST /v1/workstreams': admin,
  'GET /v1/workstreams': everyone,
  'GET /v1/workstreams/:id': everyone,
  'PATCH /v1/workstreams/:id': admin,
  'DELETE /v1/workstreams/:id': admin,
  'POST /v1/workstreams/:id/channels': admin,
  'GET /v1/workstreams/:id/channels': everyone,
  'PATCH /v1/workstreams/:id/channels/:channelId': admin,
  'DELETE /v1/workstreams/:id/channels/:channelId': admin,
  'GET /v1/workstreams/:id/routing-rules': leaders,
  'PUT /v1/workstreams/:id/routing-rules': admin,
  'POST /v1/automatic-messages': admin,
  'GET /v1/automatic-messages': leaders,
  'GET /v1/automatic-messages/:id': leaders,
  'PATCH /v1/automatic-messages/:id': admin,
  'DELETE /v1/automatic-messages/:id': admin,
  'POST /v1/operating-hours': admin,
  'GET /v1/operating-hours': everyone,
  'GET /v1/operating-hours/:id': everyone,
  'GET /v1/operating-hours/:id/status': everyone,
  'PATCH /v1/operating-hours/:id': admin,
  'DELETE /v1/operating-hours/:id': admin,
  'GET /v1/workstreams/:id/classification-rules': leaders,
  'PUT /v1/workstreams/:id/classification-rules': admin,
  'POST /v1/workstreams/:id/try': leaders,
  'GET /v1/conversations/:id/routing': leaders,
  'POST /v1/skills': admin,
  'GET /v1/skills': everyone,
  'GET /v1/skills/:id': everyone,
  'PATCH /v1/skills/:id': admin,
  'DELETE /v1/skills/:id': admin,
  'GET /v1/agents/:id/skills': everyone,
  'PUT /v1/agents/:id/skills': leaders,
  'GET /v1/routing-settings': leaders,
  'PUT /v1/routing-settings': admin,
  'GET /v1/workstreams/:id/timeout-rules': leaders,
  'PUT /v1/workstreams/:id/timeout-rules': admin,
  'POST /v1/notification-templates': admin,
  'GET /v1/notification-templates': leaders,
  'GET /v1/notification-templates/:id': leaders,
  'PUT /v1/notification-templates/:id': admin,
  'DELETE /v1/notification-templates/:id': admin,
  'GET /v1/workstreams/:id/notifications': leaders,
  'PUT /v1/workstreams/:id/notifications': admin,
  'POST /v1/presence-statuses': admin,
  'GET /v1/presence-statuses': everyone,
  'GET /v1/presence-statuses/:id': everyone,
  'PATCH /v1/presence-statuses/:id': admin,
  'DELETE /v1/presence-statuses/:id': admin,
  'GET /v1/presence-settings': leaders,
  'PUT /v1/presence-settings': admin,
  'GET /v1/closing-times': leaders,
  'PUT /v1/closing-times': admin,
  'POST /v1/queues': admin,
  'GET /v1/queues': everyone,
  'GET /v1/queues/:id': everyone,
  'PATCH /v1/queues/:id': admin,
  'DELETE /v1/queues/:id': admin,
  'GET /v1/queues/:id/members': everyone,
  'PUT /v1/queues/:id/members/:agentId': leaders,
  'DELETE /v1/queues/:id/members/:agentId': leaders,

  'POST /v1/agents': admin,
  'GET /v1/agents': everyone,
  'GET /v1/agents/:id': everyone,
  'PATCH /v1/agents/:id': leaders,
  'POST /v1/agents/:id/tokens': admin,
  // Agents for themselves: shown below
  'PUT /v1/agents/:id/presence': leaders,
  'GET /v1/me': everyone,
  'PUT /v1/me/presence': agents,

  'POST /v1/capacity-profiles': admin,
  'GET /v1/capacity-profiles': everyone,
  'GET /v1/capacity-profiles/:id': everyone,
  'PATCH /v1/capacity-profiles/:id': admin,
  'DELETE /v1/capacity-profiles/:id': admin,
  'GET /v1/agents/:id/capacity-profiles': everyone,
  'PUT /v1/agents/:id/capacity-profiles/:profileId': leaders,
  'DELETE /v1/agents/:id/capacity-profiles/:profileId': leaders,

  'POST /v1/contacts': everyone,
  'GET /v1/contacts': everyone,
  'GET /v1/contacts/:id': everyone,
  'PATCH /v1/contacts/:id': everyone,
  'DELETE /v1/contacts/:id': everyone,
  'GET /v1/opt-outs': leaders,

  'GET /v1/live': leaders,
  'GET /v1/conversations': everyone,
  'GET /v1/conversations/:id': everyone,
  'GET /v1/conversations/:id/sessions': everyone,
  'GET /v1/conversations/:id/history': everyone,
  'GET /v1/conversations/:id/messages': everyone,
  'GET /v1/conversations/:id/customer-summary': everyone,
  'POST /v1/conversations/:id/accept': agents,
  'POST /v1/conversations/:id/reject': agents,
  'POST /v1/conversations/:id/pick': agents,
  'POST /v1/conversations/:id/close': agents,
  'POST /v1/conversations/:id/end': agents,
  'POST /v1/conversations/:id/resume': agents,
  'POST /v1/conversations/:id/release': agents,
  'POST /v1/conversations/:id/transfer': everyone,
  'POST /v1/conversations/:id/consults': agents,
  'GET /v1/conversations/:id/consults': everyone,
  'POST /v1/conversations/:id/consults/:consultId/add': agents,
  'POST /v1/conversations/:id/consults/:consultId/remove': agents,
  'POST /v1/conversations/:id/consults/:consultId/leave': agents,
  'POST /v1/conversations/:id/assign': leaders,
  'POST /v1/conversations/:id/monitor': ['supervisor'],
  'DELETE /v1/conversations/:id/monitor': ['supervisor'],
  'POST /v1/conversations/:id/join': ['supervisor'],
  'POST /v1/conversations/:id/force-close': leaders,
  'POST /v1/conversations/:id/read': everyone,
  'PUT /v1/conversations/:id/contact': everyone,
  'DELETE /v1/conversations/:id/contact': everyone,
  'POST /v1/conversations/:id/notes': everyone,
  'POST /v1/conversations/:id/messages': agents,
  'POST /v1/conversations/:id/messages/:messageId/resend': everyone,
  'POST /v1/conversations/:id/messages/:messageId/dismiss': everyone,

  'POST /v1/bulk-actions': leaders,
  'GET /v1/bulk-actions': leaders,
  'GET /v1/bulk-actions/:id': leaders,
  'GET /v1/bulk-actions/:id/items': leaders,

  'GET /v1/supervision-settings': leaders,
  'PUT /v1/supervision-settings': admin,
  'GET /v1/messages': everyone,
  'POST /v1/media': everyone,
  'GET /v1/media/:id': everyone,
  'GET /v1/events': everyone,
}

let service: TestService
let org: TestOrganization
let keys: Record<Who, string>
let refusedKeys: Record<string, { key: string | null; answer: string }>

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await TestOrganization.create(service)
  const [agent, supervisor] = [await org.addAgent(), await org.addAgent({ role: 'supervisor' })]
  keys = { platform: service.platformKey, admin: org.adminKey, supervisor: supervisor.key, agent: agent.key }
  refusedKeys = {
    'no key': { key: null, answer: '401 unauthenticated' },
    'an unknown key': { key: `parley_key_${'x'.repeat(43)}`, answer: '401 unauthenticated' },
    'a revoked key': { key: await revokedKey(), answer: '401 unauthenticated' },
    'an expired token': { key: await expiredToken(agent.id), answer: '401 unauthenticated' },
    'a key of a suspended organization': {
      key: await suspendedKey(),
      answer: '403 organization_suspended',
    },
  }
})

afterAll(() => service.close())

async function revokedKey(): Promise<string> {
  const { body } = await done(org.admin.post('/v1/api-keys', { name: 'Lost', role: 'admin' }), 201)
  await done(org.admin.delete(`/v1/api-keys/${body.id}`), 204)
  return body.key
}

async function expiredToken(agentId: string): Promise<string> {
  const { body } = await done(org.admin.post(`/v1/agents/${agentId}/tokens`, { ttlSeconds: 60 }), 201)
  await service.parts.db.inOrg(org.id, (tx) =>
    tx.accessKey.updateMany({ where: { id: body.id }, data: { expiresAt: new Date(Date.now() - 1) } }),
  )
  return body.token
}

async function suspendedKey(): Promise<string> {
  const suspended = await TestOrganization.create(service)
  const operator = service.as(service.platformKey)
  await done(operator.patch(`/v1/organizations/${suspended.id}`, { suspended: true }), 200)
  return suspended.adminKey
}

/** The address with ids that name nothing: whoever may make the call learns just that. */
const pathOf = ({ url }: ApiRoute): string => url.replaceAll(/:\w+/g, unknownId).replace('*', 'index.html')

const ask = ({ method, ...route }: ApiRoute, key: string | null): Promise<ApiAnswer> =>
  call(service, {
    method,
    path: pathOf({ method, ...route }),
    key,
    body: ['GET', 'HEAD', 'DELETE'].includes(method) ? null : bodyFor(route.name),
  })

/** The role is known before the body is looked at, so the body matters only where what may be done depends on it. */
const bodyFor = (name: string): unknown => (name.endsWith('/presence') ? { presence: 'busy' } : {})

const said = ({ status, text }: ApiAnswer): string =>
  `${status} ${status < 400 || !text.startsWith('{') ? '' : JSON.parse(text).code}`

describe('the table of who may call what', () => {
  it('has an entry for every route, and no other', () => {
    expect(Object.keys(allowed).toSorted()).toEqual(service.routes.map(({ name }) => name).toSorted())
  })

  it('holds for every route and every role', async () => {
    const faults: string[] = []

    for (const route of service.routes) {
      for (const [who, key] of Object.entries(keys)) {
        const may = allowed[route.name]
        const answer = await ask(route, key)
        const isRefused = answer.status === 401 || answer.status === 403
        const expected = may === 'anybody' || may?.includes(who as Who)
        if (isRefused === expected || answer.status >= 500 || (!expected && said(answer) !== '403 forbidden'))
          faults.push(`${route.name} as ${who}: ${said(answer)}, ${expected ? 'allowed' : 'not allowed'}`)
      }
    }

    expect(faults).toEqual([])
  }, 60_000)

  it('holds for keys and tokens that are no longer any', async () => {
    const faults: string[] = []

    for (const route of service.routes) {
      for (const [what, { key, answer: expected }] of Object.entries(refusedKeys)) {
        const answer = await ask(route, key)
        const isOpen = allowed[route.name] === 'anybody'
        if (isOpen ? [401, 403].includes(answer.status) : said(answer) !== expected)
          faults.push(`${route.name} with ${what}: ${said(answer)}`)
      }
    }

    expect(faults).toEqual([])
  }, 60_000)
})

describe('what depends on more than the role', () => {
  it('an agent sets their own presence and nobody else’s', async () => {
    const [one, other] = [await org.addAgent(), await org.addAgent()]
    const set = (id: string) => org.as(one).put(`/v1/agents/${id}/presence`, { presence: 'busy' })

    expect((await set(one.id)).status).toBe(200)
    expect((await set(other.id)).status).toBe(403)
  })

  it('a supervisor changes an agent’s capacity and nothing else', async () => {
    const [{ id }, supervisor] = [await org.addAgent(), await org.addAgent({ role: 'supervisor' })]
    const change = (body: object) => org.as(supervisor).patch(`/v1/agents/${id}`, body)

    expect((await change({ capacityUnits: 9 })).status).toBe(200)
    expect((await change({ role: 'admin' })).status).toBe(403)
    expect((await change({ email: 'other@example.com' })).status).toBe(403)
  })

  it('an admin key without secrets:write sets no provider secret and grants that permission to no key', async () => {
    const { body } = await done(org.admin.post('/v1/api-keys', { name: 'Plain', role: 'admin' }), 201)
    const plain = service.as(body.key)
    const { accountId } = await org.addNumber('twilio sms')
    const credentials = { accountSid: `AC${'0'.repeat(32)}`, authToken: '1'.repeat(32) }

    const answers = [
      await plain.post('/v1/channel-accounts', {
        name: 'A',
        channel: 'sms',
        provider: 'twilio',
        credentials,
      }),
      await plain.patch(`/v1/channel-accounts/${accountId}`, { credentials }),
      await plain.post('/v1/api-keys', { name: 'B', role: 'admin', permissions: ['secrets:write'] }),
    ]

    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403])
    expect((await plain.patch(`/v1/channel-accounts/${accountId}`, { name: 'Other' })).status).toBe(200)
  })

  it('an agent asks for no view of all conversations, an admin key for none of its own', async () => {
    const agent = await org.addAgent()

    expect((await org.as(agent).get('/v1/conversations?view=all')).status).toBe(403)
    expect((await org.admin.get('/v1/conversations?view=mine')).status).toBe(403)
    expect((await org.admin.get('/v1/conversations?view=closed_today')).status).toBe(403)
    expect((await org.as(agent).get('/v1/conversations?view=mine')).status).toBe(200)
  })

  it('an agent who becomes a supervisor has the tokens of one from the next call on', async () => {
    const agent = await org.addAgent()

    const before = await org.as(agent).get('/v1/channel-accounts')
    await done(org.admin.patch(`/v1/agents/${agent.id}`, { role: 'supervisor' }), 200)
    const after = await org.as(agent).get('/v1/channel-accounts')

    expect([before.status, after.status]).toEqual([403, 200])
  })

  it('a key that is offered in another way than "Bearer" is none', async () => {
    const status = async (authorization: string) =>
      (await fetch(`${service.url}/v1/me`, { headers: { authorization } })).status

    expect(await status(`Bearer ${org.adminKey}`)).toBe(200)
    expect(await status(`bearer  ${org.adminKey}`)).toBe(200)
    expect(await status(org.adminKey)).toBe(401)
    expect(await status(`Basic ${btoa(`:${org.adminKey}`)}`)).toBe(401)
    expect(await status(`Bearer ${org.adminKey} x`)).toBe(401)
    expect((await fetch(`${service.url}/v1/me?token=${org.adminKey}`)).status).toBe(401)
  })
})
