import { afterEach, describe, expect, it } from 'vitest'
import { createTwilio } from '../../../src/providers/twilio/provider.js'
import { type FakeApi, fakeApi, json } from '../fake-api.js'
import { twilioAccount } from '../provider-cases.js'

let api: FakeApi | null = null

afterEach(async () => {
  await api?.close()
  api = null
})

const credentials = { accountSid: twilioAccount, authToken: 'test-token-1' }

async function twilioThatAnswers(status: number, body: unknown) {
  api = await fakeApi((_, response) => json(response, status, body))
  return { api, twilio: createTwilio(api.url, 1000) }
}

describe('checking a Twilio account', () => {
  it('an active account is valid', async () => {
    const { api, twilio } = await twilioThatAnswers(200, {
      sid: twilioAccount,
      status: 'active',
      type: 'Full',
    })

    const check = await twilio.checkCredentials(credentials)

    expect(check).toMatchObject({ ok: true, code: 'valid' })
    expect(api.received[0]?.path).toBe(`/2010-04-01/Accounts/${twilioAccount}.json`)
  })

  it('a trial account is valid, and its limit is said', async () => {
    const { twilio } = await twilioThatAnswers(200, { status: 'active', type: 'Trial' })

    const check = await twilio.checkCredentials(credentials)

    expect(check).toMatchObject({ ok: true, detail: expect.stringContaining('verified numbers') })
  })

  it.each([
    [401, { code: 20003, message: 'Authenticate' }, 'wrong_credentials'],
    [401, {}, 'wrong_credentials'],
    [404, { code: 20404, message: 'Not found' }, 'wrong_credentials'],
    [403, { code: 20008, message: 'Test credentials' }, 'not_usable'],
    [400, { code: 20005, message: 'Not active' }, 'not_usable'],
    [200, { status: 'suspended' }, 'not_usable'],
    [200, { status: 'closed' }, 'not_usable'],
  ])('HTTP %s with %j means %s', async (status, body, code) => {
    const { twilio } = await twilioThatAnswers(status, body)

    const check = await twilio.checkCredentials(credentials)

    expect(check).toMatchObject({ ok: false, code })
  })

  it.each([
    [500, 'unreachable'],
    [503, 'unreachable'],
    [429, 'throttled'],
  ])('HTTP %s says nothing of the credentials: %s', async (status, kind) => {
    const { twilio } = await twilioThatAnswers(status, {})

    const checking = twilio.checkCredentials(credentials)

    await expect(checking).rejects.toMatchObject({ kind })
  })

  it('a malformed Account SID is not even asked for', async () => {
    const { api, twilio } = await twilioThatAnswers(200, { status: 'active' })

    const check = await twilio.checkCredentials({ ...credentials, accountSid: 'SK123' })

    expect(check).toMatchObject({
      ok: false,
      code: 'wrong_credentials',
      detail: expect.stringContaining('AC'),
    })
    expect(api.received).toHaveLength(0)
  })
})

const sms = (address: string, type: string | null = 'long_code') => ({
  address,
  channel: 'sms' as const,
  type,
})

describe('checking a number at Twilio', () => {
  it.each([
    ['its own number', [{ phone_number: '+15550002222', capabilities: { sms: true } }], 'valid'],
    ['a voice number', [{ phone_number: '+15550002222', capabilities: { sms: false } }], 'not_capable'],
    ['a longer number', [{ phone_number: '+155500022223', capabilities: { sms: true } }], 'not_found'],
    ['nothing', [], 'not_found'],
  ])('with %s found: %j is %s', async (_name, rows, code) => {
    const { api, twilio } = await twilioThatAnswers(200, { incoming_phone_numbers: rows })

    const check = await twilio.checkNumber(sms('+15550002222'), credentials)

    expect(check).toMatchObject({ ok: code === 'valid', code })
    expect(api.received[0]?.query.get('PhoneNumber')).toBe('+15550002222')
  })

  it.each([
    ['12345', 'valid'],
    ['54321', 'not_found'],
  ])('the short code %s is %s', async (address, code) => {
    const { api, twilio } = await twilioThatAnswers(200, { short_codes: [{ short_code: '12345' }] })

    const check = await twilio.checkNumber(sms(address, 'short_code'), credentials)

    expect(check.code).toBe(code)
    expect(api.received[0]?.path).toBe(`/2010-04-01/Accounts/${twilioAccount}/SMS/ShortCodes.json`)
  })

  it.each([
    ['ONLINE', 'valid'],
    ['ONLINE:UPDATING', 'valid'],
    ['OFFLINE', 'not_capable'],
    ['PENDING_VERIFICATION', 'not_capable'],
  ])('a WhatsApp sender that is %s is %s', async (status, code) => {
    const senders = [
      { sid: 'XE1', sender_id: 'whatsapp:+15550009999', status: 'ONLINE' },
      { sid: 'XE2', sender_id: 'whatsapp:+15550002222', status },
    ]
    const { api, twilio } = await twilioThatAnswers(200, { meta: { key: 'senders' }, senders })

    const check = await twilio.checkNumber({ ...sms('+15550002222', null), channel: 'whatsapp' }, credentials)

    expect(check.code).toBe(code)
    expect(api.received[0]?.path).toBe('/v2/Channels/Senders')
  })

  it('refused credentials leave the number unchecked, with the reason', async () => {
    const { twilio } = await twilioThatAnswers(401, { code: 20003, message: 'No' })

    const check = await twilio.checkNumber(sms('+15550002222'), credentials)

    expect(check).toMatchObject({
      ok: false,
      code: 'not_checked',
      detail: expect.stringContaining('Auth Token'),
    })
  })

  it('a fault at Twilio says nothing of the number', async () => {
    const { twilio } = await twilioThatAnswers(500, {})

    const checking = twilio.checkNumber(sms('+15550002222'), credentials)

    await expect(checking).rejects.toMatchObject({ kind: 'unreachable' })
  })
})
