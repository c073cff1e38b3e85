import twilio from 'twilio'
import type RequestClient from 'twilio/lib/base/RequestClient.js'
import { z } from 'zod'
import { ProviderError } from '../provider-error.js'

/** The form of what the Twilio console shows under "Account info". */
export const twilioCredentials = z.strictObject({
  accountSid: z
    .string()
    .regex(
      /^AC[0-9a-fA-F]{32}$/,
      'An Account SID is AC followed by 32 characters 0-9, a-f; copy it from the Twilio console.',
    ),
  authToken: z
    .string()
    .regex(
      /^[\x21-\x7e]{8,128}$/,
      'An Auth Token has no blanks and at least 8 characters; copy it from the Twilio console.',
    ),
})

export type TwilioCredentials = z.infer<typeof twilioCredentials>

type TwilioClient = ReturnType<typeof twilio>
/** Keeps what a refusal says about when to come again, which the SDK's own error leaves out. */
class HttpClient extends twilio.RequestClient {
  override async request<Data>(options: RequestClient.RequestOptions<Data>) {
    const response = await super.request<Data>(options)
    if (response.statusCode !== 429) return response
    throw Object.assign(new twilio.RestException(response), { retryAfter: response.headers?.['retry-after'] })
  }
}

export type ClientFor = (credentials: TwilioCredentials) => TwilioClient

/**
 * Clients of the SDK, one per call: they are light, as all of them share one HTTP client with its kept-alive
 * connections, and so no credentials stay behind in a cache.
 *
 * @param apiUrl takes the place of every product's host; may have a path prefix. null: Twilio itself
 */
export function twilioClients(apiUrl: string | null, callTimeoutMs: number): ClientFor {
  const httpClient = new HttpClient({
    timeout: callTimeoutMs,
    keepAlive: true,
    autoRetry: false,
    // More than calls under way in one process (messages/send-service.ts): none waits for a connection
    maxSockets: 640,
    maxTotalSockets: 1024,
    maxFreeSockets: 64,
  })
  return ({ accountSid, authToken }) => {
    // The SDK would take whatever TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN hold: another organization's account.
    if (!accountSid || !authToken) {
      throw new ProviderError('misconfigured', 'The Account SID or the Auth Token is missing.')
    }
    // Empty, so that TWILIO_EDGE and TWILIO_REGION of the environment do not rewrite the host.
    const client = twilio(accountSid, authToken, { httpClient, edge: '', region: '' })
    if (apiUrl !== null) {
      client.api.baseUrl = apiUrl
      client.messaging.baseUrl = apiUrl
    }
    return client
  }
}
