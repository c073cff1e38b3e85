import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase } from '../support/database.js'
import { standingCallbacks } from '../support/inbox.js'
import { done, TestOrganization } from '../support/organization.js'
import { startOutageProxy } from '../support/outage-proxy.js'
import { startService, type TestService } from '../support/service.js'
import { addAccount, post, telesignText, twilioText } from './provider-calls.js'

const now = new Date('2026-03-01T12:00:00.000Z')
let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true, clock: { now: () => now } })
})

afterAll(() => service.close())

async function newOrganization(): Promise<TestOrganization> {
  org = await TestOrganization.create(service)
  return org
}

const stored = () => standingCallbacks(service, org.id)

describe('a callback is refused', () => {
  it.each([
    ['an unknown token', `/callbacks/twilio/${'x'.repeat(43)}`],
    ['a token of the wrong form', '/callbacks/twilio/short'],
    ['no token', '/callbacks/twilio/'],
  ])('with 404 for %s', async (_what, path) => {
    const answer = await post(service, { path, headers: { 'content-type': 'text/plain' }, body: 'x' })

    expect(answer.status).toBe(404)
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'not_found' })
  })

  it("with 404 at the other provider's path", async () => {
    await newOrganization()
    const account = await addAccount(org, { provider: 'telesign' })
    const call = telesignText(account)

    const answer = await post(service, { ...call, path: call.path.replace('telesign', 'twilio') })

    expect(answer.status).toBe(404)
  })

  it('with 404 once its account is deleted, also where this process remembers it', async () => {
    await newOrganization()
    const account = await addAccount(org)
    expect((await post(service, twilioText(account))).status).toBe(200)
    await done(org.admin.delete(`/v1/channel-accounts/${account.id}`), 204)

    const answer = await post(service, twilioText(account))

    expect(answer.status).toBe(404)
    expect(await stored()).toHaveLength(1)
  })

  it('with 413 above 64 KiB, and taken just below', async () => {
    await newOrganization()
    const account = await addAccount(org)
    const small = twilioText(account, { params: { Body: 'x'.repeat(60_000) } })
    const large = twilioText(account, { params: { Body: 'x'.repeat(66_000) } })

    expect((await post(service, small)).status).toBe(200)
    const answer = await post(service, large)

    expect(answer.status).toBe(413)
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'body_too_large' })
  })

  it('with 403 without a signature, and nothing is kept of it', async () => {
    await newOrganization()
    const account = await addAccount(org)
    const call = twilioText(account)

    const answer = await post(service, {
      ...call,
      headers: { 'content-type': call.headers['content-type'] ?? '' },
    })

    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'forbidden' })
    expect(await stored()).toHaveLength(0)
  })

  it('with 403 where one parameter was changed, added or left out', async () => {
    await newOrganization()
    const account = await addAccount(org)
    const call = twilioText(account)
    const variants = [
      call.body.replace('Hello', 'Hullo'),
      `${call.body}&Extra=`,
      call.body.replace('&NumMedia=0', ''),
    ]

    const statuses = []
    for (const body of variants) statuses.push((await post(service, { ...call, body })).status)

    expect(statuses).toEqual([403, 403, 403])
    expect((await stored()).every(({ state }) => state === 'quarantined')).toBe(true)
  })

  it('with 403 where it is signed for the URL of another account', async () => {
    await newOrganization()
    const one = await addAccount(org)
    const other = await addAccount(org)

    const answer = await post(service, twilioText(one, { path: new URL(other.calledUrl).pathname }))

    expect(answer.status).toBe(403)
  })
})

describe('while the database is away', () => {
  it('a callback is answered with 503 and a time to come back, a hopeless one as ever', async () => {
    const database = await createTestDatabase()
    const proxy = await startOutageProxy(database.url)
    const broken = await startService({ idle: true, databaseUrl: proxy.url })
    const there = await TestOrganization.create(broken)
    const account = await addAccount(there)
    expect((await post(broken, twilioText(account))).status).toBe(200)
    await proxy.cut()

    const known = await post(broken, twilioText(account))
    const misfit = await post(broken, twilioText(account, { authToken: 'wrong-auth-token' }))
    const malformed = await post(broken, { path: '/callbacks/twilio/short', headers: {}, body: '' })
    const unsigned = await post(broken, { ...twilioText(account), headers: {} })
    await broken.close()
    await database.drop()

    expect([known, misfit, malformed, unsigned].map(({ status }) => status)).toEqual([503, 503, 404, 403])
    expect(known.headers.get('retry-after')).toMatch(/^\d+$/)
  })
})
