import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addAccount, twilioText } from '../channels/provider-calls.js'
import { TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await TestOrganization.create(service)
})

afterAll(() => service.close())

/** Sends this, then one byte now and then, until it is cut off. Answers what it was told. */
async function drip(beginning: string, byte: string): Promise<string> {
  const { hostname, port } = new URL(service.url)
  const socket = connect(Number(port), hostname)
  let told = ''
  socket.on('error', () => undefined)
  socket.on('data', (data) => {
    told += data
  })
  socket.write(beginning)
  const timer = setInterval(() => socket.writable && socket.write(byte), 100)
  await new Promise((resolve) => socket.once('close', resolve))
  clearInterval(timer)
  return told
}

const head = (path: string, type: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${org.adminKey}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n`

const counted = async () =>
  (
    await runSql(
      service,
      `SELECT (SELECT count(*) FROM queues) AS queues, (SELECT count(*) FROM media) AS media,
         (SELECT count(*) FROM callbacks) AS callbacks, (SELECT count(*) FROM audit_log) AS entries,
         (SELECT count(*) FROM idempotency_keys) AS keys`,
    )
  )[0]

describe('a client that sends its request as slowly as it can', () => {
  it('is given a minute at most', () => {
    const { server } = service.api

    expect(server.headersTimeout).toBeGreaterThan(0)
    expect(server.headersTimeout).toBeLessThanOrEqual(60_000)
    expect(server.requestTimeout).toBeGreaterThan(0)
    expect(server.requestTimeout).toBeLessThanOrEqual(60_000)
  })

  it('is cut off, and of what it sent nothing is stored', async () => {
    const account = await addAccount(org)
    const callback = twilioText(account)
    const before = await counted()
    const { headersTimeout, requestTimeout } = service.api.server
    // The server looks every few seconds whose time is over
    Object.assign(service.api.server, { headersTimeout: 1000, requestTimeout: 1000 })

    const answers = await Promise.all([
      drip('POST /v1/queues HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'x'),
      drip(`${head('/v1/queues', 'application/json', 5000)}Idempotency-Key: slow\r\n\r\n{"name":"Half`, 'x'),
      drip(
        `${head('/v1/media', 'multipart/form-data; boundary=x', 5000)}\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n`,
        'x',
      ),
      drip(
        `POST ${callback.path} HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: ${callback.headers['x-twilio-signature']}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\n${callback.body}`,
        '&',
      ),
    ])
    Object.assign(service.api.server, { headersTimeout, requestTimeout })

    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 |^$/)
    expect(await counted()).toEqual(before)
  }, 60_000)

  it('that goes away in the middle leaves nothing either', async () => {
    const before = await counted()
    const { hostname, port } = new URL(service.url)
    const whole = '{"name":"Whole"}'

    for (const sent of [0, 1, whole.length - 1]) {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => undefined)
      socket.write(
        `${head('/v1/queues', 'application/json', whole.length)}Idempotency-Key: gone\r\n\r\n${whole.slice(0, sent)}`,
      )
      socket.end()
      socket.resume()
      await new Promise((resolve) => socket.once('close', resolve))
    }

    expect(await counted()).toEqual(before)
  })
})
