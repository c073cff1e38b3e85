import twilio from 'twilio'
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
export type ClientFor = (credentials: TwilioCredentials) => TwilioClient

/**
 * Clients of the SDK, one per call: they are light, as all of them share one HTTP client with its kept-alive
 * connections, and so no credentials stay behind in a cache.
 *
 * @param apiUrl takes the place of every product's host; may have a path prefix. null: Twilio itself
 */
export function twilioClients(apiUrl: string | null, callTimeoutMs: number): ClientFor {
  const httpClient = new twilio.RequestClient({
    timeout: callTimeoutMs,
    keepAlive: true,
    autoRetry: false,
    maxSockets: 256,
    maxTotalSockets: 512,
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
