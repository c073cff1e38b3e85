import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { standingCallbacks } from '../support/inbox.js'
import { done, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { addAccount, newSid, post, signedTwilioCall, telesignText, twilioText } from './provider-calls.js'

const emptyTwiml = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

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

  it.each([
    ['NUL characters, which PostgreSQL cannot keep', '\0'],
    ['all that means something in a list of PostgreSQL', ' NULL {"a",\\"b\\\\"} \'c\' (d) '],
  ])('with %s is verified as it came and stored', async (_what, strange) => {
    await newOrganization()
    const account = await addAccount(org, { provider: 'telesign' })
    const body = `{"reference_id":"AA","user_response":{"phone_number":"1","sender_id":"2"}}${strange}`
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
    const counts = await Promise.all(
      orgs.map(async ({ id }) => (await standingCallbacks(service, id)).length),
    )
    expect(counts).toEqual([100, 100, 100])
  })
})

describe('where PUBLIC_URL has a path', () => {
  it('callbacks are signed for the public address, whether a proxy strips its path or not', async () => {
    const prefixed = await startService({ idle: true, publicPath: '/parley/eu' })
    const there = await TestOrganization.create(prefixed)
    const account = await addAccount(there)
    const whole = new URL(account.calledUrl).pathname
    const path = whole.replace('/parley/eu', '')

    const stripped = await post(prefixed, twilioText(account, { path }))
    const kept = await post(prefixed, twilioText(account, { path: whole }))
    const inner = await post(
      prefixed,
      twilioText(account, { path, url: account.calledUrl.replace('/parley/eu', '') }),
    )
    const rows = await standingCallbacks(prefixed, there.id)
    await prefixed.close()

    expect(account.calledUrl).toContain('/parley/eu/callbacks/twilio/')
    expect([stripped.status, kept.status, inner.status]).toEqual([200, 200, 403])
    expect(rows[0]?.url).toBe(account.calledUrl)
  })
})
