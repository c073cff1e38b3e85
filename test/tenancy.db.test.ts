import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { laneNames } from '../src/jobs/job-queues.js'
import { systemClock } from '../src/lib/clock.js'
import { MediaLinks } from '../src/messages/media-links.js'
import { newSid, post, signedTwilioCall } from './channels/provider-calls.js'
import { type ApiAnswer, call, told } from './support/api-call.js'
import type { ApiRoute } from './support/api-watch.js'
import { referencesIn, valueAt, withValueAt } from './support/body-references.js'
import { EventListener } from './support/event-listener.js'
import { type Furnished, fillPath, furnish, referencesOf } from './support/furnished.js'
import { done, newCustomer } from './support/organization.js'
import { otherBodies, sampleBodies } from './support/sample-bodies.js'
import { eventually, startService, type TestService } from './support/service.js'
import { runSql } from './support/sql.js'

/** Routes that no key opens have proofs of their own: links to files below, callbacks in test/channels. */
const publicRowRoutes = [
  'POST /callbacks/twilio/:token',
  'POST /callbacks/twilio/:token/status',
  'POST /callbacks/telesign/:token',
  'GET /media/:orgId/:mediaId',
]

/** What a body names and is refused after the answer, each by itself: test/bulk-actions shows that the words are the same. */
const answeredLater = ['POST /v1/bulk-actions conversationIds.0']

let service: TestService
let ours: Furnished
let theirs: Furnished
/** Everything by which a row of the other organization could be told, whichever way it came into an answer */
let theirTraces: string[]
const log: string[] = []

beforeAll(async () => {
  service = await startService({ logLevel: 'trace', logTo: { write: (line) => log.push(line) } })
  // The same customer writes to both: what belongs together by the phone number must not come together
  const customer = newCustomer()
  ours = await furnish(service, 'homeland', customer)
  theirs = await furnish(service, 'foreigner', customer)
  theirTraces = [theirs.mark, theirs.org.id, ...Object.values(theirs.ids)]
}, 120_000)

// Each goes over every route
vi.setConfig({ testTimeout: 90_000 })

afterAll(() => service.close())

const organizationRoutes = (): ApiRoute[] =>
  service.routes.filter(({ url, config }) => url.startsWith('/v1/') && config.access !== 'platform')
const isOfRows = ({ url }: ApiRoute): boolean => url.includes('/:')

function bodyFor({ name, schema }: ApiRoute, furnished: Furnished): Record<string, unknown> | null {
  if (!schema?.body || 'consumes' in schema) return null
  const sample = sampleBodies[name]
  if (!sample) throw new Error(`Write a sample body for ${name}: it has no case without it`)
  return sample(referencesOf(furnished))
}

const ask = (route: ApiRoute, path: string, key: string, body: unknown = null): Promise<ApiAnswer> =>
  call(service, { method: route.method, path, key, body })

/** Queries for a page of the other organization's list: as it was given them, and made from the id of a row. */
async function theirCursors(route: ApiRoute): Promise<string[]> {
  const path = fillPath(route.url, (segment) => theirs.ids[segment])
  const segments = route.url.split('/').filter((segment) => !segment.startsWith(':'))
  const made = Buffer.from(JSON.stringify([theirs.ids[segments.at(-1) ?? '']])).toString('base64url')
  const queries = [`cursor=${made}`]
  for (const sort of ['', '&sort=activity']) {
    const page = await ask(route, `${path}?limit=1${sort}`, theirs.keys.admin)
    const { nextCursor } = JSON.parse(page.text || '{}')
    if (nextCursor) queries.push(`cursor=${nextCursor}${sort}`)
  }
  return queries
}

const kept = ['messages', 'contacts', 'contact_addresses', 'opt_outs', 'media', 'channel_accounts', 'queues']

/** What no time that runs out and no routing changes. */
const rowsOf = ({ org }: Furnished): Promise<unknown[]> =>
  Promise.all(
    kept.map((table) =>
      runSql(service, `SELECT * FROM ${table} WHERE org_id = $1 ORDER BY 1, 2, 3`, [org.id]),
    ),
  )

/** Every callback was looked at; one that names an unknown message is looked at again for a while. */
const allAreTaken = () =>
  eventually(
    () => runSql(service, 'SELECT 1 FROM inbox WHERE attempts = 0'),
    (untouched) => untouched.length === 0,
    20_000,
  )

const tracesIn = ({ text }: ApiAnswer): string[] => theirTraces.filter((trace) => text.includes(trace))

/** Each way to put an id that is not one's own into the path: all of the parameters, or one beside one's own rows. */
function strangePaths({ url }: ApiRoute): { foreign: string; unknown: string }[] {
  const segments = [...url.matchAll(/\/([^/]+)\/:/g)].map(([, segment]) => segment ?? '')
  const unknownId = randomUUID()
  return [segments, ...(segments.length > 1 ? segments.map((segment) => [segment]) : [])].map((strange) => {
    const fill = (id: (segment: string) => string | undefined) =>
      fillPath(url, (segment) => (strange.includes(segment) ? id(segment) : ours.ids[segment]))
    return { foreign: fill((segment) => theirs.ids[segment]), unknown: fill(() => unknownId) }
  })
}

describe('a row of another organization', () => {
  it('is answered exactly like one that does not exist, on every route and to every role', async () => {
    const leaks: string[] = []

    for (const route of organizationRoutes().filter(isOfRows)) {
      const body = bodyFor(route, ours)
      const refusals: number[] = []
      for (const [role, key] of Object.entries(ours.keys)) {
        for (const { foreign, unknown } of strangePaths(route)) {
          const answer = await ask(route, foreign, key, body)
          const expected = told(await ask(route, unknown, key, body))
          refusals.push(answer.status)
          if (told(answer) !== expected || ![403, 404].includes(answer.status))
            leaks.push(`${route.name} as ${role}: ${told(answer)} and not ${expected}`)
        }
      }
      if (!refusals.includes(404)) leaks.push(`${route.name} never came to look for the row: ${refusals}`)
    }

    expect(leaks).toEqual([])
  })

  it('is never in a list, a page, a summary or any other answer', async () => {
    const leaks: string[] = []

    for (const route of organizationRoutes().filter(({ method }) => method === 'GET')) {
      const path = fillPath(route.url, (segment) => ours.ids[segment])
      const strangeCursors = route.schema?.querystring ? await theirCursors(route) : []
      for (const [role, key] of Object.entries(ours.keys)) {
        for (const page of [
          path,
          `${path}?limit=100`,
          ...strangeCursors.map((query) => `${path}?${query}`),
        ]) {
          const answer = await ask(route, page, key)
          const traces = tracesIn(answer)
          if (traces.length > 0) leaks.push(`${route.method} ${page} as ${role} shows ${traces}`)
        }
      }
    }
    const metrics = await call(service, { method: 'GET', path: '/metrics', key: null })

    expect(leaks).toEqual([])
    expect(tracesIn(metrics)).toEqual([])
  })

  it('filters a list like one that does not exist', async () => {
    const faults: string[] = []

    for (const route of organizationRoutes().filter(({ method }) => method === 'GET')) {
      if (!route.schema?.querystring) continue
      for (const name of referencesIn(route.schema.querystring)) {
        const answer = (id: string) => ask(route, `${route.url}?${name}=${id}`, ours.keys.admin)
        const [foreign, unknown] = [await answer(rowNamed(name, theirs)), await answer(randomUUID())]
        if (told(foreign) !== told(unknown) || foreign.status !== 200)
          faults.push(`${route.name} by ${name}: ${told(foreign)} and not ${told(unknown)}`)
      }
    }

    expect(faults).toEqual([])
  })

  it('cannot be named in a body: it is refused like one that does not exist', async () => {
    const faults: string[] = []

    for (const route of organizationRoutes().filter(({ schema }) => schema?.body)) {
      const path = fillPath(route.url, (segment) => ours.ids[segment])
      for (const reference of referencesIn(route.schema?.body)) {
        if (answeredLater.includes(`${route.name} ${reference}`)) continue
        const sample = bodyFor(route, ours)
        const isThere = typeof valueAt(sample, reference) === 'string'
        const body = isThere ? sample : (otherBodies[route.name]?.(referencesOf(ours)) ?? sample)
        if (typeof valueAt(body, reference) !== 'string')
          faults.push(`The sample body of ${route.name} names no ${reference}`)
        const foreignId = reference === 'media.0.id' ? await theirs.upload() : rowNamed(reference, theirs)
        const statuses: number[] = []
        for (const key of [ours.keys.admin, ours.keys.agent]) {
          const foreign = await ask(route, path, key, withValueAt(body, reference, foreignId))
          const unknown = await ask(route, path, key, withValueAt(body, reference, randomUUID()))
          statuses.push(foreign.status)
          if (told(foreign) !== told(unknown))
            faults.push(`${route.name} with ${reference}: ${told(foreign)} and not ${told(unknown)}`)
        }
        if (!statuses.includes(422)) faults.push(`${route.name} with ${reference} answers ${statuses}`)
      }
    }

    expect(faults).toEqual([])
  })

  it('is no answer to an idempotency key that the other organization has used', async () => {
    const headers = { 'idempotency-key': 'the same in both' }

    const first = await theirs.org.admin.post('/v1/queues', { name: 'Same name' }, headers)
    const second = await ours.org.admin.post('/v1/queues', { name: 'Same name' }, headers)
    const other = await ours.org.admin.post('/v1/contacts', { name: 'Casey' }, headers)

    expect([first.status, second.status, other.status]).toEqual([201, 201, 201])
    expect(second.body.id).not.toBe(first.body.id)
  })

  it('is not heard of in a stream of events, be it open or resumed, from wherever', async () => {
    const control = await EventListener.open(service, theirs.keys.admin, '0')
    const { id: theirPosition } = await control.first(({ type }) => type === 'message.received')
    const streams = await Promise.all(
      [ours.keys.admin, ours.keys.supervisor, ours.keys.agent].flatMap((key) => [
        EventListener.open(service, key),
        EventListener.open(service, key, '0'),
        EventListener.open(service, key, theirPosition),
      ]),
    )

    await done(theirs.org.as(theirs.agent).put('/v1/me/presence', { presence: 'busy' }), 200)
    await control.first(({ data }) => data.agent?.presence === 'busy')
    await done(ours.org.as(ours.agent).put('/v1/me/presence', { presence: 'away' }), 200)
    await Promise.all(streams.map((stream) => stream.first(({ data }) => data.agent?.presence === 'away')))

    for (const stream of streams) {
      const heard = JSON.stringify(stream.heard)
      expect(theirTraces.filter((trace) => heard.includes(trace))).toEqual([])
      stream.stop()
    }
    control.stop()
  })

  it('is not served as a file, whoever has signed the link', async () => {
    const { encryptionKeys, publicUrl } = service.parts.settings
    const links = new MediaLinks(publicUrl, encryptionKeys, systemClock)
    const file = theirs.ids['media'] ?? ''
    const [their, our] = [theirs.org.id, ours.org.id]
    const genuine = links.sign(their, file)

    const status = async (url: string) => (await fetch(url)).status

    expect(await status(genuine)).toBe(200)
    expect(await status(genuine.replace(their, our))).toBe(404)
    expect(await status(genuine.replace(file, ours.ids['media'] ?? ''))).toBe(404)
    expect(await status(links.sign(our, file))).toBe(404)
  })
})

describe('what runs without a caller', () => {
  it('a delivery report that names a message of another organization changes nothing of it', async () => {
    const { id, callbackUrl, credentials } = await ours.org.addNumber('twilio sms')
    const account = { id, callbackUrl, credentials, calledUrl: callbackUrl.replace(/#.*$/, '') }
    const before = await rowsOf(theirs)
    const url = `${account.calledUrl}/status?message=${theirs.ids['messages']}`
    const params = {
      MessageSid: newSid(),
      AccountSid: credentials['accountSid'] ?? '',
      MessageStatus: 'failed',
    }

    const { status } = await post(service, signedTwilioCall(account, { params, url }))
    await allAreTaken()

    expect(status).toBe(204)
    expect(await rowsOf(theirs)).toEqual(before)
  })

  it('a job that names nobody, or nothing at all, does nothing and holds up nobody', async () => {
    const before = [await rowsOf(ours), await rowsOf(theirs)]

    for (const lane of laneNames)
      for (const orgId of [randomUUID(), '*', `${theirs.org.id}' OR true --`])
        await service.parts.jobs.wake(lane, orgId)
    await eventually(
      () => service.parts.jobs.depths(),
      (depths) => Object.values(depths).every((depth) => depth === 0),
      20_000,
    )

    expect([await rowsOf(ours), await rowsOf(theirs)]).toEqual(before)
    const customer = newCustomer()
    await ours.org.customerTexts(customer, await ours.org.addNumber('twilio sms'), 'Still there?')
    expect(await ours.org.conversationOf(customer)).toBeDefined()
  })
})

describe('the proof', () => {
  it('knows every route that names a row and needs no key', () => {
    const open = service.routes.filter(({ url, schema }) => !url.startsWith('/v1/') && !schema?.hide)

    expect(open.filter(isOfRows).map(({ name }) => name)).toEqual(publicRowRoutes)
  })

  it('can fail: whoever owns the rows reaches all of them', async () => {
    const blind: string[] = []
    const depth = ({ url }: ApiRoute) => url.split('/').length
    const isDeletion = ({ method }: ApiRoute) => Number(method === 'DELETE')
    const inOrder = organizationRoutes()
      .filter(isOfRows)
      .toSorted((a, b) => isDeletion(a) - isDeletion(b) || depth(b) - depth(a))

    for (const route of inOrder) {
      const path = fillPath(route.url, (segment) => theirs.ids[segment])
      const body = bodyFor(route, theirs)
      const answers = [
        await ask(route, path, theirs.keys.agent, body),
        await ask(route, path, theirs.keys.admin, body),
        await ask(route, path, theirs.keys.supervisor, body),
      ]
      if (answers.every(({ status }) => [401, 403, 404, 422].includes(status)))
        blind.push(`${route.name}: ${answers.map(told)}`)
    }

    expect(blind).toEqual([])
  })
})

describe('the log', () => {
  it('has no line that tells of two organizations', () => {
    const ourTraces = [ours.mark, ours.org.id, ...Object.values(ours.ids)]
    const tells = (traces: string[]) => log.filter((line) => traces.some((trace) => line.includes(trace)))

    const mixed = tells(ourTraces).filter((line) => theirTraces.some((trace) => line.includes(trace)))

    expect(mixed).toEqual([])
    expect(tells([ours.org.id]).length).toBeGreaterThan(100)
    expect(tells([theirs.org.id]).length).toBeGreaterThan(10)
  })
})

const segmentNamed: Readonly<Record<string, string>> = {
  capacityProfileId: 'capacity-profiles',
  skillId: 'skills',
  preferredAgentIds: 'agents',
  presenceStatusId: 'presence-statuses',
  ...Object.fromEntries(
    ['incomingAuthenticated', 'incomingUnauthenticated', 'transfer', 'consult', 'supervisorAssign'].map(
      (slot) => [slot, 'notification-templates'],
    ),
  ),
  agentId: 'agents',
  queueId: 'queues',
  fallbackQueueId: 'queues',
  numberId: 'channel-numbers',
  accountId: 'channel-accounts',
  contactId: 'contacts',
  workstreamId: 'workstreams',
  operatingHoursId: 'operating-hours',
  workstreamChannelId: 'channels',
  actorId: 'agents',
  subjectId: 'queues',
}

function rowNamed(reference: string, { ids }: Furnished): string {
  const name = reference.replace(/\.0$/, '').split('.').at(-1) ?? ''
  const id = ids[segmentNamed[name] ?? '']
  if (id === undefined) throw new Error(`Say in this test which row "${reference}" names`)
  return id
}
