import { createHmac, randomBytes } from 'node:crypto'
import type { TestOrganization } from '../support/organization.js'
import { done } from '../support/organization.js'
import type { TestService } from '../support/service.js'

export interface TestAccount {
  id: string
  callbackUrl: string
  /** As the provider calls it: without the connection-override fragment */
  calledUrl: string
  credentials: Record<string, string>
}

export interface ProviderCall {
  /** Below the service's own address */
  path: string
  headers: Record<string, string>
  body: string
}

const hex = (bytes: number): string => randomBytes(bytes).toString('hex')

export const newTwilioCredentials = () => ({ accountSid: `AC${hex(16)}`, authToken: hex(16) })
export const newTelesignCredentials = () => ({
  customerId: hex(8).toUpperCase(),
  apiKey: randomBytes(64).toString('base64'),
})
export const newSid = (): string => `SM${hex(16)}`

export async function addAccount(
  org: TestOrganization,
  more: Record<string, unknown> = {},
): Promise<TestAccount> {
  const given = { provider: 'twilio', channel: 'sms', name: `Account ${hex(4)}`, ...more }
  const credentials = (more['credentials'] ??
    (given.provider === 'telesign' ? newTelesignCredentials() : newTwilioCredentials())) as Record<
    string,
    string
  >
  const { body } = await done(org.admin.post('/v1/channel-accounts', { ...given, credentials }), 201)
  return {
    id: body.id,
    callbackUrl: body.callbackUrl,
    calledUrl: body.callbackUrl.replace(/#.*$/, ''),
    credentials,
  }
}

/** https://www.twilio.com/docs/usage/security#validating-requests */
function twilioSignature(authToken: string, url: string, params: Record<string, string>): string {
  const signed = Object.keys(params)
    .sort()
    .reduce((text, name) => text + name + params[name], url)
  return createHmac('sha1', authToken).update(signed, 'utf8').digest('base64')
}

/** An inbound SMS as Twilio posts it. */
export function twilioText(
  account: TestAccount,
  more: { params?: Record<string, string>; authToken?: string; url?: string; path?: string } = {},
): ProviderCall {
  const sid = newSid()
  const params = {
    MessageSid: sid,
    SmsSid: sid,
    AccountSid: account.credentials['accountSid'] ?? '',
    From: '+12065550100',
    To: '+14252306549',
    Body: 'Hello',
    NumMedia: '0',
    SmsStatus: 'received',
    ...more.params,
  }
  return signedTwilioCall(account, { ...more, params })
}

export function signedTwilioCall(
  account: TestAccount,
  more: { params: Record<string, string>; authToken?: string; url?: string; path?: string },
): ProviderCall {
  const url = more.url ?? account.calledUrl
  return {
    path: more.path ?? new URL(url).pathname + new URL(url).search,
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'x-twilio-signature': twilioSignature(
        more.authToken ?? account.credentials['authToken'] ?? '',
        url,
        more.params,
      ),
    },
    body: new URLSearchParams(more.params).toString(),
  }
}

/** An inbound SMS as Telesign posts it. https://developer.telesign.com/enterprise/docs/authenticate-callbacks */
export function telesignText(
  account: TestAccount,
  more: { apiKey?: string; reference?: string; body?: string } = {},
): ProviderCall {
  const body =
    more.body ??
    JSON.stringify({
      reference_id: more.reference ?? hex(16).toUpperCase(),
      sub_resource: 'mo_sms',
      status: { code: 1500 },
      errors: [],
      user_response: { phone_number: '12065550100', sender_id: '14252306549', mo_message: 'Olá ☎' },
    })
  const key = Buffer.from(more.apiKey ?? account.credentials['apiKey'] ?? '', 'base64')
  const signature = createHmac('sha256', key).update(body, 'utf8').digest('base64')
  return {
    path: new URL(account.calledUrl).pathname,
    headers: {
      'content-type': 'application/json',
      authorization: `TSA ${account.credentials['customerId']}:${signature}`,
      'x-ts-authorization': signature,
    },
    body,
  }
}

export async function post(
  service: TestService,
  call: ProviderCall,
): Promise<{ status: number; contentType: string; body: string; headers: Headers }> {
  const answer = await fetch(service.url + call.path, {
    method: 'POST',
    headers: call.headers,
    body: call.body,
  })
  return {
    status: answer.status,
    contentType: answer.headers.get('content-type') ?? '',
    body: await answer.text(),
    headers: answer.headers,
  }
}
