import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { done, refused, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { addAccount, newTelesignCredentials, newTwilioCredentials } from './provider-calls.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await TestOrganization.create(service)
})

afterAll(() => service.close())

const path = '/v1/channel-accounts'

async function storedAccount(id: string) {
  return service.parts.db.inOrg(org.id, (tx) => tx.channelAccount.findFirstOrThrow({ where: { id } }))
}

describe('a new account', () => {
  it('at Twilio shows its callback URL, its masked token and where to paste the URL', async () => {
    const credentials = newTwilioCredentials()

    const { body } = await done(
      org.admin.post(path, { name: 'Twilio SMS', channel: 'sms', provider: 'twilio', credentials }),
      201,
    )

    expect(body).toMatchObject({
      name: 'Twilio SMS',
      channel: 'sms',
      provider: 'twilio',
      sandbox: false,
      validation: { status: 'not_validated', checkedAt: null, checks: [] },
      quarantineDropped: 0,
    })
    expect(body.credentials).toEqual({
      accountSid: credentials.accountSid,
      authToken: `••••${credentials.authToken.slice(-4)}`,
    })
    const [url, fragment] = body.callbackUrl.split('#')
    expect(url).toMatch(new RegExp(`^${service.url}/callbacks/twilio/[A-Za-z0-9_-]{43}$`))
    expect(new URLSearchParams(fragment).get('rc')).toBe('5')
    expect(new URLSearchParams(fragment).get('rp')).toBe('all')
    expect(body.providerSetup.console).toBe('https://console.twilio.com/')
    expect(body.providerSetup.steps.join('\n')).toContain(body.callbackUrl)
    expect(JSON.stringify(body)).not.toContain(credentials.authToken)
  })

  it('at Telesign comes with the mail to its support', async () => {
    const credentials = newTelesignCredentials()

    const { body } = await done(
      org.admin.post(path, { name: 'Telesign', channel: 'sms', provider: 'telesign', credentials }),
      201,
    )

    expect(body.callbackUrl).toMatch(new RegExp(`^${service.url}/callbacks/telesign/[A-Za-z0-9_-]{43}$`))
    expect(body.providerSetup).toMatchObject({
      to: 'support@telesign.com',
      subject: 'Omnichannel for Customer Service callback URL update request',
    })
    expect(body.providerSetup.body).toContain(body.callbackUrl)
    expect(body.providerSetup.body).toContain(credentials.customerId)
    expect(JSON.stringify(body)).not.toContain(credentials.apiKey)
  })

  it('for WhatsApp names the sandbox field of the Twilio console', async () => {
    const { body } = await done(
      org.admin.post(path, {
        name: 'Sandbox',
        channel: 'whatsapp',
        provider: 'twilio',
        credentials: newTwilioCredentials(),
        sandbox: true,
      }),
      201,
    )

    expect(body.sandbox).toBe(true)
    expect(body.providerSetup.steps[0]).toContain('WHEN A MESSAGE COMES IN')
  })

  it('keeps its secret sealed, so that the database alone does not give it away', async () => {
    const account = await addAccount(org)

    const row = await storedAccount(account.id)

    expect(JSON.stringify(row)).not.toContain(account.credentials['authToken'])
    expect(row.secret).toMatch(/^k1\./)
  })

  it('made twice under one Idempotency-Key is one account', async () => {
    const body = { name: 'Once', channel: 'sms', provider: 'twilio', credentials: newTwilioCredentials() }
    const headers = { 'idempotency-key': 'account-once' }

    const first = await done(org.admin.post(path, body, headers), 201)
    const second = await done(org.admin.post(path, body, headers), 201)

    expect(second.body).toEqual(first.body)
    const { body: list } = await org.admin.get(`${path}?limit=100`)
    expect(list.data.filter(({ name }: { name: string }) => name === 'Once')).toHaveLength(1)
  })
})

describe('what an account refuses', () => {
  const twilio = (credentials: unknown, more: object = {}) =>
    org.admin.post(path, { name: 'Refused', channel: 'sms', provider: 'twilio', credentials, ...more })

  it.each([
    [
      'an Account SID of the wrong form',
      { accountSid: 'AC123', authToken: 'x'.repeat(32) },
      'credentials.accountSid',
    ],
    ['a missing Auth Token', { accountSid: `AC${'0'.repeat(32)}` }, 'credentials.authToken'],
    ["the other provider's fields", newTelesignCredentials(), 'credentials.accountSid'],
    ['a field too many', { ...newTwilioCredentials(), region: 'ie1' }, 'credentials.region'],
    ['a token that is no text', { accountSid: `AC${'0'.repeat(32)}`, authToken: 1 }, 'credentials.authToken'],
  ])('%s is refused and named', async (_what, credentials, field) => {
    const problem = await refused(twilio(credentials), 422, 'validation_failed')

    expect(problem.errors.map((error: { path: string }) => error.path)).toContain(field)
  })

  it('a wrong secret is never repeated in the refusal', async () => {
    const problem = await refused(
      twilio({ accountSid: 'AC1', authToken: 'very secret token value' }),
      422,
      'validation_failed',
    )

    expect(JSON.stringify(problem)).not.toContain('very secret')
  })

  it('WhatsApp at Telesign is refused', async () => {
    const problem = await refused(
      org.admin.post(path, {
        name: 'Refused',
        channel: 'whatsapp',
        provider: 'telesign',
        credentials: newTelesignCredentials(),
      }),
      422,
      'validation_failed',
    )

    expect(problem.errors[0].path).toBe('channel')
  })

  it('an unknown field is refused', async () => {
    await refused(twilio(newTwilioCredentials(), { sandBox: true }), 422, 'validation_failed')
  })

  it('a name in use is refused, also where it is given by a change', async () => {
    const taken = await addAccount(org, { name: 'Taken' })
    const other = await addAccount(org)

    await refused(twilio(newTwilioCredentials(), { name: 'Taken' }), 409, 'conflict')
    await refused(org.admin.patch(`${path}/${other.id}`, { name: 'Taken' }), 409, 'conflict')
    await done(org.admin.delete(`${path}/${taken.id}`), 204)
    await done(twilio(newTwilioCredentials(), { name: 'Taken' }), 201)
  })

  it('a channel that is switched off takes no new account', async () => {
    const off = await TestOrganization.create(service)
    await done(
      service.as(service.platformKey).patch(`/v1/organizations/${off.id}`, { channels: { sms: false } }),
      200,
    )

    await refused(
      off.admin.post(path, {
        name: 'Off',
        channel: 'sms',
        provider: 'twilio',
        credentials: newTwilioCredentials(),
      }),
      409,
      'channel_disabled',
    )
  })

  it('a key without secrets:write may change everything but secrets', async () => {
    const account = await addAccount(org)
    const { body: key } = await done(org.admin.post('/v1/api-keys', { name: 'Plain', role: 'admin' }), 201)
    const plain = service.as(key.key)

    await refused(plain.post(path, { nonsense: true }), 403, 'forbidden')
    await refused(
      plain.patch(`${path}/${account.id}`, { credentials: newTwilioCredentials() }),
      403,
      'forbidden',
    )
    await done(plain.patch(`${path}/${account.id}`, { name: 'Renamed by a plain key' }), 200)
  })

  it('supervisors read accounts and change nothing; agents do not see them', async () => {
    const account = await addAccount(org)
    const { body: key } = await done(
      org.admin.post('/v1/api-keys', { name: 'Supervisor', role: 'supervisor' }),
      201,
    )
    const agent = await org.addAgent()

    await done(service.as(key.key).get(`${path}/${account.id}`), 200)
    await refused(service.as(key.key).delete(`${path}/${account.id}`), 403, 'forbidden')
    await refused(org.as(agent).get(path), 403, 'forbidden')
  })

  it('an account of another organization does not exist', async () => {
    const other = await TestOrganization.create(service)
    const account = await addAccount(other)

    await refused(org.admin.get(`${path}/${account.id}`), 404, 'not_found')
    await refused(org.admin.patch(`${path}/${account.id}`, { name: 'Mine' }), 404, 'not_found')
    await refused(org.admin.delete(`${path}/${account.id}`), 404, 'not_found')
    await refused(org.admin.post(`${path}/${account.id}/validate`), 404, 'not_found')
  })
})

it('a walk through all pages sees every account once', async () => {
  const many = await TestOrganization.create(service)
  const made = []
  for (let count = 0; count < 5; count++) made.push((await addAccount(many)).id)

  const seen: string[] = []
  let cursor: string | null = null
  do {
    const query: string = cursor ? `&cursor=${cursor}` : ''
    const { body } = await done(many.admin.get(`${path}?limit=2${query}`), 200)
    seen.push(...body.data.map(({ id }: { id: string }) => id))
    cursor = body.nextCursor
  } while (cursor)

  expect(seen).toEqual(made.toReversed())
})
