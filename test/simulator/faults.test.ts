import { afterEach, beforeEach, expect, it } from 'vitest'
import { startSimulator } from '../../src/simulator/server.js'
import {
  customer,
  get,
  post,
  reported,
  smsNumber,
  startTown,
  twilioClient,
  twilioCredentials,
} from './business.js'

let town: Awaited<ReturnType<typeof startTown>>
beforeEach(async () => {
  town = await startTown()
})
afterEach(() => town.stop())

function sendOne() {
  return twilioClient(town.simulator).messages.create({
    from: smsNumber,
    to: customer,
    body: 'Hello',
    statusCallback: `${town.business.url}/status`,
  })
}

function fault(given: Record<string, unknown>) {
  return post(town.simulator, '/faults', given)
}

it.each([
  ['a server error', { mode: 'http_500' }, { status: 500, code: 20500 }, 0],
  ['too many requests', { mode: 'http_429' }, { status: 429, code: 20429 }, 0],
  ['a refusal of choice', { mode: 'refuse', code: 30004 }, { status: 400, code: 30004 }, 0],
  ['an answer lost after sending', { mode: 'timeout_after_send', delayMs: 20 }, { code: 'ECONNRESET' }, 1],
  ['a call lost before sending', { mode: 'timeout_before_send', delayMs: 20 }, { code: 'ECONNRESET' }, 0],
  ['a connection cut after sending', { mode: 'reset_after_send' }, { code: 'ECONNRESET' }, 1],
])('a fault plays %s, once', async (_what, given, error, sent) => {
  await fault(given)

  await expect(sendOne()).rejects.toMatchObject(error)

  expect(town.simulator.sent()).toHaveLength(sent)
  await expect(sendOne()).resolves.toMatchObject({ status: 'queued' })
})

it('an answer that makes no sense comes after the message has left', async () => {
  await fault({ mode: 'malformed' })

  await sendOne().catch(() => undefined)

  expect(town.simulator.sent()).toHaveLength(1)
})

it('a fault applies to the named recipient only, and until it is lifted', async () => {
  await fault({ mode: 'refuse', to: customer, times: 0 })
  const toAnother = twilioClient(town.simulator).messages.create({
    from: smsNumber,
    to: '+12065550101',
    body: 'Hi',
  })

  await expect(toAnother).resolves.toMatchObject({ status: 'queued' })
  await expect(sendOne()).rejects.toMatchObject({ code: 21211 })
  await expect(sendOne()).rejects.toMatchObject({ code: 21211 })
  await fetch(`${town.simulator.url}/faults`, { method: 'DELETE' })
  await expect(sendOne()).resolves.toMatchObject({ status: 'queued' })
})

it('a fault on reading leaves sending alone', async () => {
  await fault({ mode: 'http_500', on: 'read' })

  await expect(sendOne()).resolves.toMatchObject({ status: 'queued' })
  const account = twilioClient(town.simulator).api.v2010.accounts(twilioCredentials.accountSid)
  await expect(account.fetch()).rejects.toMatchObject({ status: 500 })
})

it('a lost callback leaves the message in the list, and a replay makes the call after all', async () => {
  await fault({ mode: 'lose_callback', on: 'callback' })
  const media = [{ contentType: 'image/png', text: 'picture' }]

  const lost = await post(town.simulator, '/text', { from: customer, to: smsNumber, text: 'Hello?', media })
  const callsBefore = town.business.calls.length
  await post(town.simulator, '/replay', { messageId: lost.body.messageId })

  const client = twilioClient(town.simulator)
  const [listed] = await client.messages.list({ to: smsNumber, limit: 1 })
  const files = await client.messages(lost.body.messageId).media.list()
  expect(lost).toMatchObject({ status: 502, body: { callback: { status: null, attempts: 0 } } })
  expect(callsBefore).toBe(0)
  expect(town.business.calls).toMatchObject([{ fields: { Body: 'Hello?' } }])
  expect(listed).toMatchObject({ sid: lost.body.messageId, direction: 'inbound', numMedia: '1' })
  expect(files).toMatchObject([{ contentType: 'image/png', parentSid: lost.body.messageId }])
})

it.each([
  ['in reverse order', 'reports_reversed', ['delivered', 'sent']],
  ['twice', 'report_twice', ['sent', 'sent', 'delivered', 'delivered']],
])('delivery reports come %s', async (_how, mode, expected) => {
  await fault({ mode })

  await sendOne()

  const reports = await reported(town.business, expected.length)
  expect(reports.map(({ fields }) => fields['MessageStatus'])).toEqual(expected)
})

it('delivery reports come before the answer', async () => {
  await fault({ mode: 'report_before_answer' })

  await sendOne()

  expect(town.business.calls.map(({ fields }) => fields['MessageStatus'])).toEqual(['sent', 'delivered'])
})

it('a delivery fails with the code of choice', async () => {
  await fault({ mode: 'fail_delivery', code: 30005 })

  await sendOne()

  const reports = await reported(town.business, 2)
  expect(reports[1]?.fields).toMatchObject({ MessageStatus: 'undelivered', ErrorCode: '30005' })
})

it('without reports a message is accepted and nothing follows', async () => {
  await post(town.simulator, '/settings', { reports: false })

  const { sid } = await sendOne()
  await post(town.simulator, '/settings', { reports: true })
  await sendOne()
  await reported(town.business, 2)

  const { data } = await get(town.simulator, `/messages?customer=${encodeURIComponent(customer)}`)
  expect(data[0]).toMatchObject({ id: sid, status: 'queued', callbacks: [] })
  expect(data[1].callbacks).toHaveLength(2)
})

it('the answer takes as long as the set latency', async () => {
  await post(town.simulator, '/settings', { latencyMs: 80 })
  const before = performance.now()

  await sendOne()

  expect(performance.now() - before).toBeGreaterThanOrEqual(78)
})

it('the simulator does not start in production', async () => {
  const starting = startSimulator({ host: '127.0.0.1', port: 0, production: true })

  await expect(starting).rejects.toThrow(/does not start in production/)
})
