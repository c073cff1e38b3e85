import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { done, refused, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { addAccount, newTwilioCredentials, type TestAccount } from './provider-calls.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true })
})

afterAll(() => service.close())

beforeEach(async () => {
  org = await TestOrganization.create(service)
})

type Channel = 'sms' | 'whatsapp'

/** Tells the simulator of the account, with these numbers and nothing else. */
function atProvider(
  account: TestAccount,
  numbers: { number: string; channel?: Channel; type?: 'short_code' }[],
) {
  const provider = 'customerId' in account.credentials ? 'telesign' : 'twilio'
  service.simulator.accounts.add({
    provider,
    credentials: account.credentials as { accountSid: string; authToken: string },
    callbackUrl: account.callbackUrl,
    numbers,
  })
}

const setFault = (fault: Record<string, unknown>) =>
  fetch(`${service.simulator.url}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fault),
  })

const addNumber = (account: TestAccount, number: string, more: object = {}) =>
  done(org.admin.post('/v1/channel-numbers', { accountId: account.id, number, ...more }), 201)
const validate = (account: TestAccount) => org.admin.post(`/v1/channel-accounts/${account.id}/validate`)
const shown = async (account: TestAccount) =>
  (await done(org.admin.get(`/v1/channel-accounts/${account.id}`), 200)).body.validation

it('right credentials and numbers of the account are valid, and the result is stored', async () => {
  const account = await addAccount(org)
  await addNumber(account, '14252306549')
  await addNumber(account, '72345', { type: 'short_code' })
  atProvider(account, [{ number: '+14252306549' }, { number: '72345', type: 'short_code' }])

  const { body } = await done(validate(account), 200)

  expect(body).toMatchObject({
    status: 'valid',
    checks: [
      { check: 'credentials', ok: true, code: 'valid' },
      { check: 'number', number: '+14252306549', ok: true },
      { check: 'number', number: '72345', ok: true },
    ],
  })
  expect(await shown(account)).toEqual(body)
})

it('a number that the account does not have is named', async () => {
  const account = await addAccount(org)
  await addNumber(account, '14252306549')
  atProvider(account, [])

  const { body } = await done(validate(account), 200)

  expect(body).toMatchObject({
    status: 'invalid',
    checks: [{ ok: true }, { check: 'number', number: '+14252306549', ok: false, code: 'not_found' }],
  })
})

it('a WhatsApp sender is checked as one', async () => {
  const account = await addAccount(org, { channel: 'whatsapp' })
  await addNumber(account, '14155550142', { name: 'WhatsApp' })
  atProvider(account, [{ number: '+14155550142', channel: 'whatsapp' }])

  const { body } = await done(validate(account), 200)

  expect(body).toMatchObject({
    status: 'valid',
    checks: [{ ok: true }, { number: '+14155550142', ok: true }],
  })
})

it('a wrong token is invalid, and its numbers are not asked for', async () => {
  const account = await addAccount(org)
  await addNumber(account, '14252306549')
  const { accountSid = '' } = account.credentials
  atProvider({ ...account, credentials: { ...newTwilioCredentials(), accountSid } }, [])

  const { body } = await done(validate(account), 200)

  expect(body).toMatchObject({
    status: 'invalid',
    checks: [{ check: 'credentials', ok: false, code: 'wrong_credentials' }],
  })
  expect(JSON.stringify(body)).not.toContain(account.credentials['authToken'])
})

it('a sandbox account skips ownership and says so', async () => {
  const account = await addAccount(org, { channel: 'whatsapp', sandbox: true })
  await addNumber(account, '14155238886', { name: 'Sandbox' })
  atProvider(account, [])

  const { body } = await done(validate(account), 200)

  expect(body).toMatchObject({
    status: 'valid',
    checks: [{ ok: true }, { number: '+14155238886', ok: true, code: 'not_checked' }],
  })
  expect(body.checks[1].detail).toContain('sandbox')
})

it('a Telesign account is checked by its credentials', async () => {
  const account = await addAccount(org, { provider: 'telesign' })
  await addNumber(account, '14252306550')
  atProvider(account, [])

  const { body } = await done(validate(account), 200)

  expect(body).toMatchObject({ status: 'valid', checks: [{ check: 'credentials', ok: true }] })
  expect(body.checks).toHaveLength(1)
})

it('a provider that does not answer is told apart, and the last result stays', async () => {
  const account = await addAccount(org)
  atProvider(account, [])
  const { body: before } = await done(validate(account), 200)
  await setFault({
    mode: 'reset_after_send',
    on: 'read',
    accountId: account.credentials['accountSid'],
    times: 1,
  })

  await refused(validate(account), 502, 'provider_unreachable')

  expect(await shown(account)).toEqual(before)
})
