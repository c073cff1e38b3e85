import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { addAccount, post, twilioText } from '../channels/provider-calls.js'
import { type ApiAnswer, call } from '../support/api-call.js'
import { EventListener } from '../support/event-listener.js'
import { standingCallbacks } from '../support/inbox.js'
import { TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { holdTable } from '../support/sql.js'

const places = { callbacks: 2, calls: 2, streams: 7, streamsOfOrganization: 4 }
let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true, mostAtOnce: places })
  org = await TestOrganization.create(service)
})
afterAll(() => service.close())

const ask = (path: string, key: string | null): Promise<ApiAnswer> =>
  call(service, { method: 'GET', path, key })

it('callbacks beyond those that can be stored soon get 503 at once, and the others are stored', async () => {
  const account = await addAccount(org)
  expect((await post(service, twilioText(account))).status).toBe(200)
  const giveBack = await holdTable(service, 'callbacks')
  const texts = Array.from({ length: 5 }, () => twilioText(account))

  const answers = texts.map((text) => post(service, text))
  // Two wait for the table, whichever they are: only the others can be answered
  const refused = await firstOf(3, answers)
  const meanwhile = [await ask('/healthz', null), await ask('/v1/queues', org.adminKey)]
  await giveBack()
  const all = await Promise.all(answers)
  const again = await post(service, twilioText(account))

  expect(refused.map(({ status }) => status)).toEqual([503, 503, 503])
  expect(JSON.parse(refused[0]?.body ?? '')).toMatchObject({ code: 'unavailable' })
  expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(meanwhile.map(({ status }) => status)).toEqual([200, 200])
  expect(all.map(({ status }) => status).sort()).toEqual([200, 200, 503, 503, 503])
  expect(again.status).toBe(200)
  expect(await standingCallbacks(service, org.id)).toHaveLength(4)
})

it('calls beyond those that can be answered soon get 503 at once, and callbacks are taken all the same', async () => {
  const account = await addAccount(org)
  expect((await post(service, twilioText(account))).status).toBe(200)
  const giveBack = await holdTable(service, 'access_keys')

  const answers = Array.from({ length: 4 }, () => ask('/v1/queues', org.adminKey))
  const refused = await firstOf(2, answers)
  const callback = await post(service, twilioText(account))
  await giveBack()
  const all = await Promise.all(answers)

  expect(refused.map(({ status }) => status)).toEqual([503, 503])
  expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(callback.status).toBe(200)
  expect(all.map(({ status }) => status).sort()).toEqual([200, 200, 503, 503])
})

it('bodies that come slowly and event streams that stay open take nobody’s place', async () => {
  const account = await addAccount(org)
  const { hostname, port } = new URL(service.url)
  for (let half = 0; half < 2 * places.callbacks; half++) {
    const socket = connect(Number(port), hostname)
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    const path = new URL(account.calledUrl).pathname
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nhalf`,
    )
  }
  const streams = []
  for (let open = 0; open < places.calls + 2; open++)
    streams.push(await EventListener.open(service, org.adminKey))

  const callback = await post(service, twilioText(account))
  const answer = await ask('/v1/queues', org.adminKey)
  for (const stream of streams) stream.stop()

  expect([callback.status, answer.status]).toEqual([200, 200])
})

it('event streams beyond those of an organization, and of the process, get 503 until others close', async () => {
  const neighbours = await TestOrganization.create(service)
  const streamOf = ({ adminKey }: TestOrganization) => EventListener.open(service, adminKey)
  const statusOf = async ({ adminKey }: TestOrganization) => (await ask('/v1/events', adminKey)).status
  // Those of the test before may still be closing
  const first = await eventually(
    () => streamOf(org).catch(() => null),
    (stream) => stream !== null,
  )
  const own = [first, ...(await opened(3, () => streamOf(org)))]

  const refused = await ask('/v1/events', org.adminKey)
  const theirs = await opened(3, () => streamOf(neighbours))
  const eighth = await statusOf(neighbours)
  own[0]?.stop()
  const afterwards = await eventually(
    () => statusOf(org),
    (status) => status === 200,
  )
  for (const stream of [...own, ...theirs]) stream?.stop()

  expect([refused.status, JSON.parse(refused.text).code, eighth]).toEqual([503, 'unavailable', 503])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(afterwards).toBe(200)
})

async function opened<Stream>(count: number, open: () => Promise<Stream>): Promise<Stream[]> {
  const streams = []
  while (streams.length < count) streams.push(await open())
  return streams
}

/** The first so many answers that come. */
function firstOf<Answer>(count: number, coming: readonly Promise<Answer>[]): Promise<Answer[]> {
  const come: Answer[] = []
  return new Promise((resolve, reject) => {
    for (const answer of coming) {
      answer.then((value) => {
        come.push(value)
        if (come.length === count) resolve([...come])
      }, reject)
    }
  })
}
