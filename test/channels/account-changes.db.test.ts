import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { done, refused, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { addAccount, newTwilioCredentials } from './provider-calls.js'

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

describe('a change of an account', () => {
  it('new credentials show their own last four characters and must be validated again', async () => {
    const account = await addAccount(org)
    await service.parts.db.inOrg(org.id, (tx) =>
      tx.channelAccount.updateMany({
        where: { id: account.id },
        data: { validationStatus: 'valid', validationCheckedAt: new Date() },
      }),
    )
    const credentials = newTwilioCredentials()

    const { body } = await done(
      org.admin.patch(`${path}/${account.id}`, { credentials, keepPreviousSecretForHours: 24 }),
      200,
    )

    expect(body.credentials.authToken).toBe(`••••${credentials.authToken.slice(-4)}`)
    expect(body.validation).toEqual({ status: 'not_validated', checkedAt: null, checks: [] })
    const kept = new Date(body.previousSecretUntil).getTime() - Date.now()
    expect(kept / 3_600_000).toBeCloseTo(24, 1)
    expect((await storedAccount(account.id)).version).toBe(2)
  })

  it('another name leaves the validation and the secret alone', async () => {
    const account = await addAccount(org)
    await service.parts.db.inOrg(org.id, (tx) =>
      tx.channelAccount.updateMany({ where: { id: account.id }, data: { validationStatus: 'valid' } }),
    )

    const { body } = await done(org.admin.patch(`${path}/${account.id}`, { name: 'New name 1' }), 200)

    expect(body).toMatchObject({ name: 'New name 1', validation: { status: 'valid' } })
    expect((await storedAccount(account.id)).version).toBe(1)
  })

  it.each([[169], [-1], [1.5]])('a secret cannot be kept for %s hours', async (hours) => {
    const account = await addAccount(org)

    await refused(
      org.admin.patch(`${path}/${account.id}`, {
        credentials: newTwilioCredentials(),
        keepPreviousSecretForHours: hours,
      }),
      422,
      'validation_failed',
    )
  })

  it('keeping a secret without a new one makes no sense', async () => {
    const account = await addAccount(org)

    await refused(
      org.admin.patch(`${path}/${account.id}`, { keepPreviousSecretForHours: 1 }),
      422,
      'validation_failed',
    )
  })

  it('an account with numbers is not deleted', async () => {
    const account = await addAccount(org)
    const { body: number } = await done(
      org.admin.post('/v1/channel-numbers', { accountId: account.id, number: '14252306000' }),
      201,
    )

    const problem = await refused(org.admin.delete(`${path}/${account.id}`), 409, 'conflict')
    await done(org.admin.delete(`/v1/channel-numbers/${number.id}`), 204)
    await done(org.admin.delete(`${path}/${account.id}`), 204)

    expect(problem.detail).toContain('+14252306000')
    await refused(org.admin.get(`${path}/${account.id}`), 404, 'not_found')
  })
})
