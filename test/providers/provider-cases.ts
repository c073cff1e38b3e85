import { createHmac } from 'node:crypto'
import type { CallbackRequest, OutboundMessage, ProviderName } from '../../src/providers/provider.js'

/** What every provider must pass the same cases with. */
export interface ProviderCase {
  name: ProviderName
  secret: string
  account: string
  credentials: Record<string, string>
  /** A signed callback with this body. */
  signed(body: string): CallbackRequest
  unsigned(body: string): CallbackRequest
  inbound(id: string, text: string): string
  status(id: string, status: string): string
  delivered: string
  unknownStatus: string
  accepted: { status: number; body: unknown }
}

const url = 'https://hooks.example.com/callbacks/x?message=0198c5f2-7a00-7000-8000-000000000001'

export const twilioAccount = `AC${'0'.repeat(32)}`
const authToken = 'test-token-1'

export const telesignAccount = '0ABCDEF0-1234-5678-9ABC-DEF012345678'
export const telesignKey = 'VGVzdCBLZXk='

export function twilioRequest(fields: Record<string, string | undefined>, at = url): CallbackRequest {
  const given = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  )
  return {
    url: at,
    headers: { 'x-twilio-signature': sign(at, Object.fromEntries(given)) },
    body: new URLSearchParams(given as [string, string][]).toString(),
  }
}

function sign(at: string, fields: Record<string, string>): string {
  const names = Object.keys(fields).sort()
  const data = names.reduce((text, name) => text + name + fields[name], at)
  return createHmac('sha1', authToken).update(data, 'utf8').digest('base64')
}

export function telesignRequest(body: unknown): CallbackRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const signature = createHmac('sha256', Buffer.from(telesignKey, 'base64')).update(text).digest('base64')
  return {
    url: 'https://hooks.example.com/callbacks/telesign/x',
    headers: { authorization: `TSA ${telesignAccount}:${signature}`, 'x-ts-authorization': signature },
    body: text,
  }
}

export const twilioCase: ProviderCase = {
  name: 'twilio',
  secret: authToken,
  account: twilioAccount,
  credentials: { accountSid: twilioAccount, authToken },
  signed: (body) => twilioRequest(Object.fromEntries(new URLSearchParams(body))),
  unsigned: (body) => ({ url, headers: {}, body }),
  inbound: (id, text) =>
    new URLSearchParams({
      MessageSid: id,
      AccountSid: twilioAccount,
      From: '+15550001111',
      To: '+15550002222',
      Body: text,
      NumMedia: '0',
    }).toString(),
  status: (id, status) =>
    new URLSearchParams({ MessageSid: id, AccountSid: twilioAccount, MessageStatus: status }).toString(),
  delivered: 'delivered',
  unknownStatus: 'teleported',
  accepted: { status: 201, body: { sid: 'SM1', status: 'queued', num_segments: '2' } },
}

export const telesignCase: ProviderCase = {
  name: 'telesign',
  secret: telesignKey,
  account: telesignAccount,
  credentials: { customerId: telesignAccount, apiKey: telesignKey },
  signed: telesignRequest,
  unsigned: (body) => ({ url, headers: {}, body }),
  inbound: (id, text) =>
    JSON.stringify({
      reference_id: id,
      sub_resource: 'mo_sms',
      status: { code: 1500, description: 'Delivered to customer' },
      errors: [],
      user_response: { phone_number: '15550001111', sender_id: '15550002222', mo_message: text },
    }),
  status: (id, status) =>
    JSON.stringify({ reference_id: id, sub_resource: 'sms', status: { code: Number(status) } }),
  delivered: '200',
  unknownStatus: '599',
  accepted: { status: 200, body: { reference_id: 'SM1', status: { code: 290 } } },
}

export const providerCases = [twilioCase, telesignCase]

export const noon = new Date('2026-01-01T12:00:00.000Z')

export function reply(change: Partial<OutboundMessage> = {}): OutboundMessage {
  return {
    id: '0198c5f2-7a00-7000-8000-000000000001',
    channel: 'sms',
    from: '+15550002222',
    to: '+15550001111',
    text: 'Hi there',
    mediaUrls: [],
    statusCallbackUrl: 'https://hooks.example.com/callbacks/x/status',
    lastInboundAt: noon,
    ...change,
  }
}
