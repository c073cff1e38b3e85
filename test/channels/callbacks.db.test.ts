import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { later } from '../../src/lib/clock.js'
import { createTestDatabase } from '../support/database.js'
import { done, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { startDatabaseProxy } from './database-proxy.js'
import {
  addAccount,
  inbox,
  newSid,
  newTwilioCredentials,
  post,
  signedTwilioCall,
  telesignText,
  twilioText,
} from './provider-calls.js'

const emptyTwiml = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

let now = new Date('2026-03-01T12:00:00.000Z')
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

const stored = () => inbox(service, org.id)

describe('a signed callback', () => {
  it('from Twilio is stored as it came and answered with empty TwiML', async () => {
    await newOrganization()
    const account = await addAccount(org)
    const call = twilioText(account, { params: { Body: 'Olá ☎ 😀 a+b&c=d\r\nline 2', ProfileName: '' } })

    const answer = await post(service, call)

    expect(answer).toMatchObject({ status: 200, body: emptyTwiml })
    expect(answer.contentType).toContain('text/xml')
    expect(await stored()).toMatchObject([
      {
        accountId: account.id,
        state: 'pending',
        kind: 'message',
        lane: '+12065550100',
        url: account.calledUrl,
        body: call.body,
        receivedAt: now,
        attempts: 0,
      },
    ])
  })

  it('from Telesign is stored and answered with 200', async () => {
    await newOrganization()
    const account = await addAccount(org, { provider: 'telesign' })
    const call = telesignText(account)

    const answer = await post(service, call)

    expect(answer.status).toBe(200)
    expect(await stored()).toMatchObject([{ kind: 'message', state: 'pending', body: call.body }])
  })

  it('with the delivery status of a message is answered with 204, its query string signed and kept', async () => {
    await newOrganization()
    const account = await addAccount(org)
    const url = `${account.calledUrl}/status?message=01890000-0000-7000-8000-000000000000`
    const sid = newSid()
    const params = {
      MessageSid: sid,
      MessageStatus: 'delivered',
      AccountSid: account.credentials['accountSid'] ?? '',
    }

    const answer = await post(service, signedTwilioCall(account, { params, url }))

    expect(answer).toMatchObject({ status: 204, body: '' })
    expect(await stored()).toMatchObject([{ kind: 'status', lane: sid, url }])
  })

  it('that is repeated changes nothing and gets the same answer, also at the same moment', async () => {
    await newOrganization()
    const account = await addAccount(org)
    const call = twilioText(account)

    const together = await Promise.all(Array.from({ length: 20 }, () => post(service, call)))
    const late = await post(service, call)

    expect([...together, late].map(({ status, body }) => [status, body])).toEqual(
      Array.from({ length: 21 }, () => [200, emptyTwiml]),
    )
    expect(await stored()).toHaveLength(1)
  })

  it('reports two statuses of one message as two', async () => {
    await newOrganization()
    const account = await addAccount(org)
    const url = `${account.calledUrl}/status`
    const sid = newSid()
    const report = (status: string) => {
      const params = {
        MessageSid: sid,
        MessageStatus: status,
        AccountSid: account.credentials['accountSid'] ?? '',
      }
      return post(service, signedTwilioCall(account, { params, url }))
    }

    await report('sent')
    await report('delivered')
    await report('sent')

    expect(await stored()).toHaveLength(2)
  })

  it('in a form that is not one is kept as well, since Telesign may change its content type', async () => {
    await newOrganization()
    const account = await addAccount(org, { provider: 'telesign' })
    const call = telesignText(account)
    const { 'content-type': _left, ...headers } = call.headers

    const plain = await post(service, { ...call, headers: { ...headers, 'content-type': 'text/plain' } })

    expect(plain.status).toBe(200)
    expect(await stored()).toHaveLength(1)
  })

  it('whose body makes no sense is kept', async () => {
    await newOrganization()
    const account = await addAccount(org)

    const answer = await post(service, signedTwilioCall(account, { params: { Unheard: 'of' } }))

    expect(answer.status).toBe(200)
    expect(await stored()).toMatchObject([{ kind: 'unknown', body: 'Unheard=of' }])
  })

  it('with NUL characters is verified as it came and stored without them', async () => {
    await newOrganization()
    const account = await addAccount(org, { provider: 'telesign' })
    const body = '{"reference_id":"AA","user_response":{"phone_number":"1","sender_id":"2"}}\0'
    const key = Buffer.from(account.credentials['apiKey'] ?? '', 'base64')
    const signature = createHmac('sha256', key).update(body).digest('base64')

    const answer = await post(service, {
      path: new URL(account.calledUrl).pathname,
      headers: { 'content-type': 'application/json', 'x-ts-authorization': signature },
      body,
    })

    expect(answer.status).toBe(200)
    expect((await stored())[0]?.body).toBe(body.replace('\0', ''))
  })

  it('for a suspended organization is kept', async () => {
    await newOrganization()
    const account = await addAccount(org)
    await done(service.as(service.platformKey).patch(`/v1/organizations/${org.id}`, { suspended: true }), 200)

    const answer = await post(service, twilioText(account))

    expect(answer.status).toBe(200)
    expect(await stored()).toHaveLength(1)
  })

  it('many at once, of many organizations, are each stored where they belong', async () => {
    const orgs = await Promise.all([1, 2, 3].map(() => TestOrganization.create(service)))
    const accounts = await Promise.all(orgs.map((one) => addAccount(one)))

    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, index) => {
        const account = accounts[index % 3]
        if (!account) throw new Error('three accounts')
        return post(service, twilioText(account))
      }),
    )

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const counts = await Promise.all(orgs.map(async ({ id }) => (await inbox(service, id)).length))
    expect(counts).toEqual([100, 100, 100])
  })
})

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

describe('the secret of an account is changed', () => {
  it('the one before is taken as long as the admin said, and not a moment longer', async () => {
    await newOrganization()
    const account = await addAccount(org)
    const { authToken } = newTwilioCredentials()
    const credentials = { ...account.credentials, authToken }
    const change = { credentials, keepPreviousSecretForHours: 2 }
    await done(org.admin.patch(`/v1/channel-accounts/${account.id}`, change), 200)
    const start = now

    const withNew = await post(service, twilioText(account, { authToken }))
    const withOld = await post(service, twilioText(account))
    now = later(start, 2 * 3_600_000 - 1)
    const justBefore = await post(service, twilioText(account))
    now = later(start, 2 * 3_600_000)
    const justAfter = await post(service, twilioText(account))
    now = start

    expect([withNew, withOld, justBefore, justAfter].map(({ status }) => status)).toEqual([
      200, 200, 200, 403,
    ])
  })

  it('the one before counts for nothing at once where no time was given', async () => {
    await newOrganization()
    const account = await addAccount(org)
    expect((await post(service, twilioText(account))).status).toBe(200)
    const { authToken } = newTwilioCredentials()
    await done(
      org.admin.patch(`/v1/channel-accounts/${account.id}`, {
        credentials: { ...account.credentials, authToken },
      }),
      200,
    )

    const withOld = await post(service, twilioText(account))
    const withNew = await post(service, twilioText(account, { authToken }))

    expect([withOld.status, withNew.status]).toEqual([403, 200])
  })

  it('in another process: callbacks of both secrets get their due at once', async () => {
    await newOrganization()
    const other = await startService({
      idle: true,
      databaseUrl: service.databaseUrl,
      encryptionKeys: service.parts.settings.encryptionKeys,
    })
    const account = await addAccount(org)
    expect((await post(service, twilioText(account))).status).toBe(200)
    const { authToken } = newTwilioCredentials()
    await done(
      other.as(org.adminKey).patch(`/v1/channel-accounts/${account.id}`, {
        credentials: { ...account.credentials, authToken },
      }),
      200,
    )

    const answers = await Promise.all([
      ...Array.from({ length: 10 }, () => post(service, twilioText(account, { authToken }))),
      ...Array.from({ length: 10 }, () => post(service, twilioText(account))),
    ])
    await other.close()

    expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(200), ...Array(10).fill(403)])
    const states = (await stored()).map(({ state }) => state)
    expect(states.filter((state) => state === 'pending')).toHaveLength(11)
    expect(states.filter((state) => state === 'quarantined')).toHaveLength(10)
  })
})

describe('behind a proxy that strips the path of PUBLIC_URL', () => {
  it('callbacks are signed for the public address, with its port and path', async () => {
    const prefixed = await startService({ idle: true, publicPath: '/parley/eu' })
    const there = await TestOrganization.create(prefixed)
    const account = await addAccount(there)
    const path = new URL(account.calledUrl).pathname.replace('/parley/eu', '')

    const right = await post(prefixed, twilioText(account, { path }))
    const inner = await post(
      prefixed,
      twilioText(account, { path, url: account.calledUrl.replace('/parley/eu', '') }),
    )
    const rows = await inbox(prefixed, there.id)
    await prefixed.close()

    expect(account.calledUrl).toContain('/parley/eu/callbacks/twilio/')
    expect([right.status, inner.status]).toEqual([200, 403])
    expect(rows[0]?.url).toBe(account.calledUrl)
  })
})

describe('while the database is away', () => {
  it('a callback is answered with 503 and a time to come back, a hopeless one as ever', async () => {
    const database = await createTestDatabase()
    const proxy = await startDatabaseProxy(database.url)
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
