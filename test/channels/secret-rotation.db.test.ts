import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { later } from '../../src/lib/clock.js'
import { standingCallbacks } from '../support/inbox.js'
import { done, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { addAccount, newTwilioCredentials, post, twilioText } from './provider-calls.js'

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

const stored = () => standingCallbacks(service, org.id)

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
