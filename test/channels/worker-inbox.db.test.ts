import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  finishCallbacks,
  type PendingCallback,
  postponeCallback,
  setAsideCallbacks,
  takePendingCallbacks,
} from '../../src/channels/callback-repository.js'
import { InboxStats } from '../../src/channels/inbox-stats.js'
import { later, seconds } from '../../src/lib/clock.js'
import { standingCallbacks } from '../support/inbox.js'
import { TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'
import { addAccount, post, type TestAccount, twilioText } from './provider-calls.js'

const now = new Date('2026-03-01T12:00:00.000Z')
const anna = '+12065550101'
const ben = '+12065550102'

let service: TestService
let org: TestOrganization
let account: TestAccount

beforeAll(async () => {
  service = await startService({ idle: true, clock: { now: () => now } })
})

afterAll(() => service.close())

beforeEach(async () => {
  org = await TestOrganization.create(service)
  account = await addAccount(org)
})

const texts = (from: string, text: string) =>
  post(service, twilioText(account, { params: { From: from, Body: text } }))

const inOrg: TestService['parts']['db']['inOrg'] = (scope, work) => service.parts.db.inOrg(scope, work)

async function taken(at = now, limit = 100): Promise<string[]> {
  const rows = await inOrg(org.id, (tx) => takePendingCallbacks(tx, at, limit))
  return rows.map(({ body }) => new URLSearchParams(body).get('Body') ?? '')
}

async function waiting(text: string): Promise<PendingCallback> {
  const all = await inOrg(org.id, (tx) => takePendingCallbacks(tx, now, 100))
  const found = all.find(({ body }) => new URLSearchParams(body).get('Body') === text)
  if (!found) throw new Error(`No callback waits with ${text}`)
  return found
}

it('callbacks are taken in the order in which they came, with their provider', async () => {
  await texts(anna, 'one')
  await texts(ben, 'two')
  await texts(anna, 'three')

  expect(await taken()).toEqual(['one', 'two', 'three'])
  expect(await taken(now, 2)).toEqual(['one', 'two'])
  const [first] = await inOrg(org.id, (tx) => takePendingCallbacks(tx, now, 1))
  expect(first).toMatchObject({
    accountId: account.id,
    provider: 'twilio',
    kind: 'message',
    attempts: 0,
    receivedAt: now,
  })
})

it('what a customer wrote later waits behind a postponed message, other customers go on', async () => {
  await texts(anna, 'one')
  await texts(ben, 'two')
  await texts(anna, 'three')
  const first = await waiting('one')

  await inOrg(org.id, (tx) => postponeCallback(tx, first, later(now, seconds(2))))

  expect(await taken()).toEqual(['two'])
  expect(await taken(later(now, seconds(2)))).toEqual(['one', 'two', 'three'])
})

it('what is done or set aside is not taken again and holds up nobody', async () => {
  await texts(anna, 'one')
  await texts(anna, 'two')
  await texts(anna, 'three')
  const [first, { seq }] = [await waiting('one'), await waiting('two')]

  await inOrg(org.id, async (tx) => {
    await finishCallbacks(tx, [first])
    await setAsideCallbacks(tx, [{ seq, reason: 'unknown_number', detail: 'Add it.' }])
  })

  expect(await taken()).toEqual(['three'])
  expect(await standingCallbacks(service, org.id)).toMatchObject([
    { state: 'done', reason: null },
    { state: 'set_aside', reason: 'unknown_number', detail: 'Add it.' },
    { state: 'pending', reason: null },
  ])
})

it('what is worked is written once: its row is where it was stored', async () => {
  await texts(anna, 'one')
  const row = () => runSql(service, 'SELECT ctid, xmin FROM callbacks WHERE org_id = $1', [org.id])
  const stored = await row()

  await inOrg(org.id, async (tx) => finishCallbacks(tx, await takePendingCallbacks(tx, now, 1)))

  expect(await taken()).toEqual([])
  expect(await row()).toEqual(stored)
})

it('another organization’s callbacks are out of reach', async () => {
  await texts(anna, 'one')
  const other = await TestOrganization.create(service)
  const first = await waiting('one')

  const foreign = await inOrg(other.id, async (tx) => {
    await finishCallbacks(tx, [first])
    await setAsideCallbacks(tx, [{ seq: first.seq, reason: 'unknown_number', detail: 'Add it.' }])
    return takePendingCallbacks(tx, now, 100)
  })

  expect(foreign).toEqual([])
  expect(await taken()).toEqual(['one'])
})

it('the inbox tells how much waits and since when', async () => {
  const before = await new InboxStats(service.parts.db, service.parts.clock).read()
  await texts(anna, 'one')

  const stats = await new InboxStats(service.parts.db, { now: () => later(now, seconds(30)) }).read()

  expect(stats.pending).toBe(before.pending + 1)
  expect(stats.oldestSeconds).toBe(30)
})
