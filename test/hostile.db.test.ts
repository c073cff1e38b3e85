import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { newSid, signedTwilioCall } from './channels/provider-calls.js'
import type { ApiRoute } from './support/api-watch.js'
import { type Furnished, furnish } from './support/furnished.js'
import { done, TestOrganization } from './support/organization.js'
import { sampleBodies } from './support/sample-bodies.js'
import { eventually, startService, type TestService } from './support/service.js'

/** Calls of each route. More by hand: HOSTILE_RUNS=500 npx vitest run test/hostile */
const runs = Number(process.env['HOSTILE_RUNS'] ?? 30)

interface HostileCall {
  key: string
  path: string
  headers: Record<string, string>
  body: string | null
}

let service: TestService
let home: Furnished
/** Only the platform's calls reach it: what they switch off must not stop the others */
let victim: TestOrganization
let database: pg.Client

beforeAll(async () => {
  service = await startService()
  home = await furnish(service, 'homeland')
  victim = await TestOrganization.create(service)
  database = new pg.Client({ connectionString: service.databaseUrl })
  await database.connect()
})

afterAll(async () => {
  await database.end()
  await service.close()
})

const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '\u0000',
    '\ud800',
    '%00',
    '../..',
    "'; DROP TABLE contacts; --",
    '%',
    '\\',
    '{}',
    'null',
  ),
  fc.constantFrom('__proto__', 'constructor', 'x'.repeat(5000), '0', '-1', '1e999', '99999999999999999999'),
  fc.constantFrom(
    '2026-01-01T00:00:00.000Z',
    '+14252306549',
    'US',
    'en-US',
    'Europe/Berlin',
    'a@example.com',
  ),
)
const oddValue = fc.oneof(
  oddText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(0, -1, 1e308, 2 ** 31, 2 ** 53, 0.1, true, null, [], {}, [[]], [null], {
    id: null,
  }),
)

/** Names that mean something to some route reach further into it than names that mean nothing to any. */
function bodiesOf({ name, schema }: ApiRoute): fc.Arbitrary<unknown> {
  const sample = sampleBodies[name]?.(referencesAtHome()) ?? {}
  const known = schema?.body instanceof z.ZodType ? propertyNames(schema.body) : []
  const name_ = fc.oneof(fc.constantFrom(...known, 'id'), oddText)
  return fc.oneof(
    fc.constant(sample),
    fc.dictionary(name_, oddValue, { maxKeys: 3 }).map((changes) => ({ ...sample, ...changes })),
    fc.dictionary(name_, fc.oneof(oddValue, fc.constantFrom(...Object.values(home.ids))), { maxKeys: 6 }),
    oddValue,
  )
}

const propertyNames = (schema: z.ZodType): string[] =>
  Object.keys(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }).properties ?? {})

function callsOf(route: ApiRoute): fc.Arbitrary<HostileCall> {
  const { platformKey } = service
  const keys = route.config.access === 'platform' ? [platformKey] : Object.values(home.keys)
  const queryNames =
    route.schema?.querystring instanceof z.ZodType ? propertyNames(route.schema.querystring) : []
  const query = fc
    .array(fc.tuple(fc.constantFrom(...queryNames, 'limit', 'x[y]'), queryValue), { maxLength: 3 })
    .map((pairs) => pairs.map(([name, value]) => `${name}=${encoded(value)}`).join('&'))
  const text = fc.oneof(
    { weight: 5, arbitrary: bodiesOf(route).map((body) => JSON.stringify(body) ?? '') },
    { weight: 1, arbitrary: oddText },
  )
  return fc.record({
    key: fc.constantFrom(...keys),
    path: fc.tuple(pathsOf(route), query).map(([path, search]) => (search ? `${path}?${search}` : path)),
    headers: headersOf(),
    body: ['GET', 'HEAD'].includes(route.method) ? fc.constant(null) : text,
  })
}

const queryValue = fc.oneof(
  oddText,
  fc.constantFrom('1', '100', 'mine', 'open', 'all', 'closed_today', 'activity', 'closed'),
  fc
    .array(oddText, { maxLength: 2 })
    .map((values) => Buffer.from(JSON.stringify(values)).toString('base64url')),
)

/** Half a surrogate pair cannot be written in a URL by ordinary means. */
const encoded = (value: string): string => encodeURIComponent(value.toWellFormed())

/** The parameters hold rows that there are, rows that there are not, and what is no id at all. */
function pathsOf({ url }: ApiRoute): fc.Arbitrary<string> {
  const parts = url.split('/').map((part, index, all) => {
    if (!part.startsWith(':')) return fc.constant(part.replace('*', 'index.html'))
    const segment = all[index - 1] ?? ''
    const row = segment === 'organizations' ? victim.id : home.ids[segment]
    return fc.oneof(
      { weight: 6, arbitrary: fc.constant(row ?? 'a'.repeat(43)) },
      { weight: 2, arbitrary: fc.constantFrom(...Object.values(home.ids)) },
      { weight: 1, arbitrary: fc.uuid() },
      { weight: 1, arbitrary: oddText.map(encoded) },
    )
  })
  return fc.tuple(...parts).map((all) => all.join('/'))
}

const headersOf = (): fc.Arbitrary<Record<string, string>> =>
  fc.record(
    {
      'content-type': fc.oneof(
        { weight: 8, arbitrary: fc.constant('application/json') },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            'text/plain',
            'application/x-www-form-urlencoded',
            'multipart/form-data; boundary=x',
            'multipart/form-data',
            'application/json; charset=utf-7',
            ';',
          ),
        },
      ),
      'idempotency-key': fc.constantFrom('', 'a', 'b', '\u00ff', 'x'.repeat(255), 'x'.repeat(256), '{}'),
      'last-event-id': fc.constantFrom('0', '-1', 'x', '99999999999999999999', '999999999999999999'),
      'content-encoding': fc.constantFrom('gzip', 'identity'),
      'x-forwarded-for': fc.constantFrom('127.0.0.1', 'x'),
      accept: fc.constantFrom('text/html', '*/*', ''),
      range: fc.constantFrom('bytes=0-1', 'bytes=9-1'),
    },
    { requiredKeys: ['content-type'] },
  )

async function attempt(method: string, { key, path, headers, body }: HostileCall): Promise<number> {
  const controller = new AbortController()
  const answer = await fetch(service.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...headers },
    body: body?.toWellFormed() ?? null,
    signal: controller.signal,
    redirect: 'manual',
  })
  const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream')
  const text = isStream ? '' : await answer.text()
  controller.abort()
  // A file that is being fetched from the provider is such an answer, and the only one that may be
  if (answer.status >= 500 && !(answer.status === 503 && method === 'GET'))
    throw new Error(`${answer.status}: ${text}`)
  return answer.status
}

function referencesAtHome() {
  const { ids } = home
  return {
    agentId: ids['agents'] ?? '',
    queueId: ids['queues'] ?? '',
    numberId: ids['channel-numbers'] ?? '',
    accountId: ids['channel-accounts'] ?? '',
    contactId: ids['contacts'] ?? '',
    workstreamId: ids['workstreams'] ?? '',
    mediaId: ids['media'] ?? '',
  }
}

describe('whatever is sent to any route', () => {
  it('is never a fault of ours, and leaves nothing half done', async () => {
    const before = await countContacts()
    let made = 0
    const faults: string[] = []

    for (const route of service.routes) {
      const told = fc.asyncProperty(callsOf(route), async (hostile) => {
        const status = await attempt(route.method, hostile)
        if (route.name === 'POST /v1/contacts' && status === 201 && !isKeyed(hostile)) made += 1
        if (route.name === 'DELETE /v1/contacts/:id' && status === 204) made -= 1
      })
      const result = await fc.check(told, { numRuns: runs, endOnFailure: true })
      if (result.failed)
        faults.push(`${route.name}: ${result.errorInstance} at ${fc.stringify(result.counterexample)}`)
    }

    expect(faults).toEqual([])
    expect(await contradictions()).toEqual([])
    expect((await countContacts()) - before).toBe(made + (await keyedContacts()))
  }, 120_000)

  it('in a signed callback is kept and answered as if it made sense', async () => {
    const number = await home.org.addNumber('twilio sms')
    const account = {
      id: number.accountId,
      callbackUrl: number.callbackUrl,
      calledUrl: number.callbackUrl.replace(/#.*$/, ''),
      credentials: number.credentials,
    }
    const field = fc.oneof(
      fc.constantFrom(
        'From',
        'To',
        'Body',
        'NumMedia',
        'MessageSid',
        'SmsStatus',
        'MessageStatus',
        'MediaUrl0',
      ),
      fc.constantFrom(
        'Latitude',
        'Longitude',
        'ChannelMetadata',
        'OriginalRepliedMessageSid',
        'ErrorCode',
        'OptOutType',
      ),
      oddText.map((text) => text.toWellFormed()).filter((text) => text !== ''),
    )
    const value = oddText.map((text) => text.toWellFormed())

    await fc.assert(
      fc.asyncProperty(fc.dictionary(field, value, { maxKeys: 6 }), async (changes) => {
        const params = {
          MessageSid: newSid(),
          AccountSid: number.credentials['accountSid'] ?? '',
          From: '+12065550177',
          To: number.number,
          ...changes,
        }
        const call = signedTwilioCall(account, { params })
        const { status } = await fetch(service.url + call.path, {
          method: 'POST',
          headers: call.headers,
          body: call.body,
        })
        if (status !== 200) throw new Error(`${status}`)
      }),
      { numRuns: runs * 4, endOnFailure: true },
    )

    const pending = () =>
      database.query(`SELECT 1 FROM callbacks WHERE state = 'pending' AND org_id = $1`, [home.org.id])
    await eventually(
      async () => (await pending()).rowCount,
      (count) => count === 0,
    )
    expect(await contradictions()).toEqual([])
  }, 60_000)
})

const isKeyed = ({ headers }: HostileCall): boolean => (headers['idempotency-key'] ?? '') !== ''

const countContacts = async (): Promise<number> =>
  Number((await database.query('SELECT count(*) FROM contacts')).rows[0].count)

/** Contacts that were made under a key: each once, however often they were asked for. */
const keyedContacts = async (): Promise<number> =>
  Number(
    (
      await database.query(
        `SELECT count(*) FROM idempotency_keys WHERE response ? 'mobilePhone' AND key NOT LIKE 'homeland%'`,
      )
    ).rows[0].count,
  )

/** What must never be in the database, each with the rows that show it. */
async function contradictions(): Promise<unknown[]> {
  const queries = {
    'an agent whose used units are not those of their conversations': `
      SELECT a.id FROM agents a WHERE used_units <> (
        SELECT coalesce(sum(c.held_units), 0) FROM conversations c WHERE c.org_id = a.org_id AND c.agent_id = a.id)`,
    'a conversation whose agent and state do not fit': `
      SELECT id FROM conversations WHERE (status = 'active' AND (agent_id IS NULL OR closed_at IS NOT NULL))
        OR (status = 'open' AND held_units > 0) OR ((status = 'closed') <> (closed_at IS NOT NULL))`,
    'a session that runs although nobody has the conversation': `
      SELECT s.id FROM sessions s JOIN conversations c ON c.org_id = s.org_id AND c.id = s.conversation_id
      WHERE s.closed_at IS NULL AND c.status IN ('open', 'closed')`,
    'two sessions of a conversation at the same time': `
      SELECT conversation_id FROM sessions WHERE closed_at IS NULL GROUP BY 1 HAVING count(*) > 1`,
    'an organization without its default queue or its built-in workstreams': `
      SELECT o.id FROM organizations o WHERE (SELECT count(*) FROM queues q WHERE q.org_id = o.id AND is_default) <> 1
        OR (SELECT count(*) FROM workstreams w WHERE w.org_id = o.id AND is_built_in) <> 2`,
    'a stored file without its content': `
      SELECT m.id FROM media m WHERE status = 'stored' AND NOT EXISTS (
        SELECT FROM media_contents c WHERE c.org_id = m.org_id AND c.media_id = m.id)`,
    'a message that says it has files and has none': `
      SELECT m.id FROM messages m WHERE has_media <> EXISTS (
        SELECT FROM media f WHERE f.org_id = m.org_id AND f.message_id = m.id)`,
    'a call under an idempotency key that never ended': `
      SELECT key FROM idempotency_keys WHERE status IS NULL`,
    'rules with a gap in their order': `
      SELECT workstream_id FROM routing_rules GROUP BY org_id, 1 HAVING max(position) - min(position) + 1 <> count(*)`,
    'a number that is deleted and at work': `
      SELECT n.id FROM channel_numbers n JOIN workstream_channels w ON w.org_id = n.org_id AND w.number_id = n.id
      WHERE n.deleted_at IS NOT NULL`,
  }
  // Routing and sending go on while this looks: what contradicts only in passing is none
  const look = async () => {
    const found: unknown[] = []
    for (const [what, sql] of Object.entries(queries)) {
      const { rows } = await database.query(sql)
      if (rows.length > 0) found.push([what, rows.slice(0, 3)])
    }
    return found
  }
  return eventually(look, (found) => found.length === 0, 5000).catch(look)
}

describe('a client that sends its request as slowly as it can', () => {
  it('holds up nobody else', async () => {
    const slow = await Promise.all(Array.from({ length: 100 }, (_, n) => drip(n % 2 === 0)))
    const started = Date.now()

    const answers = await Promise.all(Array.from({ length: 100 }, () => home.org.admin.get('/v1/queues')))

    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(Date.now() - started).toBeLessThan(5000)
    expect(slow.every(({ socket }) => !socket.destroyed)).toBe(true)
    for (const { stop } of slow) stop()
  })

  it('is cut off in the end', () => {
    const { server } = service.api

    expect(server.headersTimeout).toBeLessThanOrEqual(60_000)
    expect(server.requestTimeout).toBeLessThanOrEqual(60_000)
    expect(Math.min(server.headersTimeout, server.requestTimeout)).toBeGreaterThan(0)
  })
})

/** A request of which one byte comes now and then: of its headers, or of a body that was announced. */
async function drip(isBody: boolean): Promise<{ socket: Socket; stop: () => void }> {
  const { hostname, port } = new URL(service.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('connect', resolve))
  const headers = `Authorization: Bearer ${home.keys.admin}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n`
  socket.write(`POST /v1/queues HTTP/1.1\r\nHost: ${hostname}\r\n${isBody ? `${headers}\r\n{` : 'X-Slow: '}`)
  const timer = setInterval(() => socket.write(' '), 50)
  return {
    socket,
    stop: () => {
      clearInterval(timer)
      socket.destroy()
    },
  }
}

describe('what is no HTTP at all', () => {
  it.each([
    ['garbage', '\u0000\u0001\u0002\r\n\r\n'],
    ['an unknown method', 'BREW /v1/queues HTTP/1.1\r\nHost: x\r\n\r\n'],
    [
      'two lengths',
      'POST /v1/queues HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
    ],
    [
      'a length and chunks',
      'POST /v1/queues HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
    ],
    ['headers without end', `GET /v1/queues HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`],
  ])('is refused, and the service goes on: %s', async (_what, bytes) => {
    const { hostname, port } = new URL(service.url)
    const socket = connect(Number(port), hostname)
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('error', () => undefined)
    socket.write(bytes)
    await new Promise((resolve) => socket.once('close', resolve))

    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(await done(home.org.admin.get('/v1/me'), 200)).toBeDefined()
  })
})
