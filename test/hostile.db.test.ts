import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newSid, signedTwilioCall } from './channels/provider-calls.js'
import { contradictions } from './support/contradictions.js'
import { type Furnished, furnish } from './support/furnished.js'
import { type HostileCall, hostileCalls, oddText, type Reachable } from './support/hostile-calls.js'
import { done, TestOrganization } from './support/organization.js'
import { sendRaw } from './support/raw-http.js'
import { eventually, startService, type TestService } from './support/service.js'

/** Calls of each route. More by hand: HOSTILE_RUNS=500 npx vitest run test/hostile */
const runs = Number(process.env['HOSTILE_RUNS'] ?? 30)

let service: TestService
let home: Furnished
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

const reachable = (): Reachable => ({ home, platformKey: service.platformKey, victim: victim.id })

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

describe('whatever is sent to any route', () => {
  it('is never a fault of ours, and leaves nothing half done', async () => {
    const before = await countContacts()
    let made = 0
    const faults: string[] = []

    for (const route of service.routes) {
      const told = fc.asyncProperty(hostileCalls(route, reachable()), async (hostile) => {
        const status = await attempt(route.method, hostile)
        if (route.name === 'POST /v1/contacts' && status === 201 && !isKeyed(hostile)) made += 1
        if (route.name === 'DELETE /v1/contacts/:id' && status === 204) made -= 1
      })
      const result = await fc.check(told, { numRuns: runs, endOnFailure: true })
      if (result.failed)
        faults.push(`${route.name}: ${result.errorInstance} at ${fc.stringify(result.counterexample)}`)
    }

    expect(faults).toEqual([])
    expect(await contradictions(database)).toEqual([])
    expect((await countContacts()) - before).toBe(made + (await keyedContacts()))
  }, 240_000)

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

    const pending = () => database.query('SELECT 1 FROM inbox WHERE org_id = $1', [home.org.id])
    await eventually(
      async () => (await pending()).rowCount,
      (count) => count === 0,
    )
    expect(await contradictions(database)).toEqual([])
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
    const answer = await sendRaw(service, bytes)

    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(await done(home.org.admin.get('/v1/me'), 200)).toBeDefined()
  })
})
