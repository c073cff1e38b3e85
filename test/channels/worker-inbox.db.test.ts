import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  finishCallbacks,
  postponeCallback,
  setAsideCallbacks,
  takePendingCallbacks,
} from '../../src/channels/callback-repository.js'
import { InboxStats } from '../../src/channels/inbox-stats.js'
import { later, seconds } from '../../src/lib/clock.js'
import { TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { addAccount, inbox, post, type TestAccount, twilioText } from './provider-calls.js'

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

const idOf = async (text: string): Promise<string> => {
  const row = (await inbox(service, org.id)).find(
    ({ body }) => new URLSearchParams(body).get('Body') === text,
  )
  return row?.id ?? ''
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
  const first = await idOf('one')

  await inOrg(org.id, (tx) => postponeCallback(tx, first, later(now, seconds(2)), 1))

  expect(await taken()).toEqual(['two'])
  expect(await taken(later(now, seconds(2)))).toEqual(['one', 'two', 'three'])
})

it('what is done or set aside is not taken again and holds up nobody', async () => {
  await texts(anna, 'one')
  await texts(anna, 'two')
  await texts(anna, 'three')
  const [first, second] = [await idOf('one'), await idOf('two')]

  await inOrg(org.id, async (tx) => {
    await finishCallbacks(tx, [first], now)
    await setAsideCallbacks(tx, [{ id: second, reason: 'unknown_number', detail: 'Add it.' }], now)
  })

  expect(await taken()).toEqual(['three'])
  expect(await inbox(service, org.id)).toMatchObject([
    { state: 'done', processedAt: now, reason: null },
    { state: 'set_aside', processedAt: now, reason: 'unknown_number', detail: 'Add it.' },
    { state: 'pending', processedAt: null },
  ])
})

it('another organization’s callbacks are out of reach', async () => {
  await texts(anna, 'one')
  const other = await TestOrganization.create(service)
  const id = await idOf('one')

  const foreign = await inOrg(other.id, async (tx) => {
    await finishCallbacks(tx, [id], now)
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
