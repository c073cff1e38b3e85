import { createHmac } from 'node:crypto'
import { telesignAddress } from './addresses.js'
import type { RetryPolicy } from './callback-sender.js'
import type { Account, SentCallback, Settings, SimulatedMessage } from './state.js'
import { telesignDescription } from './telesign-codes.js'

/**
 * The call as Telesign makes it: signed over the raw body only.
 * https://developer.telesign.com/enterprise/docs/authenticate-callbacks
 * @param secret null leaves the signature out.
 */
export function telesignCallback(call: {
  kind: SentCallback['kind']
  status: string
  url: string
  body: object
  customerId: string
  secret: string | null
}): SentCallback {
  const body = JSON.stringify(call.body)
  const signature =
    call.secret === null
      ? null
      : createHmac('sha256', Buffer.from(call.secret, 'base64')).update(body, 'utf8').digest('base64')
  return {
    kind: call.kind,
    status: call.status,
    url: call.url.replace(/#.*$/s, ''),
    headers: {
      'content-type': 'application/json',
      ...(signature !== null && {
        authorization: `TSA ${call.customerId}:${signature}`,
        'x-ts-authorization': signature,
      }),
    },
    body,
    outcome: null,
  }
}

/** Only HTTP 200 counts; 5 s to answer, up to four attempts. https://developer.telesign.com/enterprise/docs/inbound-sms */
export function telesignRetryPolicy(settings: Settings): RetryPolicy {
  return {
    connectMs: 5000,
    readMs: 5000,
    waitsMs: settings.telesignRetryWaitsMs,
    isFailure: (result) => result.kind !== 'answer' || result.status !== 200,
  }
}

/** `keyword` and `action` come only where the account has Telesign handle opt-out words. */
export function inboundBody(
  account: Account,
  message: SimulatedMessage,
  extras: { action: string | null; keyword: string | null; raw: Record<string, unknown> },
): object {
  const at = telesignTime(message.createdAt)
  const { user_response: rawResponse, ...raw } = extras.raw
  return {
    reference_id: message.id,
    sub_resource: 'mo_sms',
    submit_timestamp: at,
    status: { code: 1500, description: telesignDescription(1500), updated_on: at },
    errors: [],
    user_response: {
      phone_number: telesignAddress(message.customer),
      sender_id: telesignAddress(message.number),
      mo_message: message.text,
      iso_country_code: 'US',
      ...(account.options.optOut === 'async' && {
        action: extras.action ?? 'generic',
        keyword: extras.keyword ?? '',
      }),
      ...(isObject(rawResponse) && rawResponse),
    },
    ...raw,
  }
}

export function reportBody(message: SimulatedMessage, code: number): object {
  return {
    reference_id: message.id,
    ...(message.externalId !== null && { external_id: message.externalId }),
    sub_resource: 'sms',
    errors: [],
    status: { code, description: telesignDescription(code), updated_on: telesignTime(new Date()) },
    additional_info: { message_parts_count: message.segments },
  }
}

/** RFC 3339 with microseconds, as in Telesign's samples. */
export function telesignTime(at: Date): string {
  return at.toISOString().replace('Z', '000Z')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
