import TeleSign from 'telesignsdk'
import { z } from 'zod'
import { neverConnected } from '../network-fault.js'
import { ProviderError } from '../provider-error.js'
import { callHttp } from '../provider-http.js'

/** The form of what Telesign's portal shows. The SDK takes a key that is no base64 and signs with what it can read. */
export const telesignCredentials = z.strictObject({
  customerId: z
    .string()
    .regex(
      /^[A-Za-z0-9-]{8,64}$/,
      'A Customer ID has letters, digits and dashes only; copy it from the Telesign portal.',
    ),
  apiKey: z
    .string()
    .regex(
      /^(?:[A-Za-z0-9+/]{4}){2,128}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
      'An API key is base64 text without blanks; copy it whole from the Telesign portal.',
    ),
})

export type TelesignCredentials = z.infer<typeof telesignCredentials>

/** What came back. The SDK alone would hand over the body and lose the rest. */
export interface TelesignAnswer {
  /** null: no answer came, see `fault`. */
  httpStatus: number | null
  fault: 'never_connected' | 'lost' | null
  /** The body read as JSON; null where it is no JSON. */
  body: unknown
  /** The header Retry-After, as it came */
  retryAfter?: string | undefined
}

export type TelesignCall = (
  credentials: TelesignCredentials,
  method: 'GET' | 'POST',
  resource: string,
  fields?: Record<string, string>,
) => Promise<TelesignAnswer>

const telesignHost = 'https://rest-api.telesign.com'
const mostAnswerBytes = 256 * 1024
const mostClients = 256

/**
 * Calls of Telesign's REST interface, made and signed by the SDK.
 *
 * Only its transport is replaced, because the one that comes with it loses the HTTP status, leaves a timer of 15 s
 * behind each call, does not abort what it gave up, follows redirects, writes to the console, opens a connection per
 * message and calls back twice when a callback throws. Constructing a client reads a file seven times, hence the cache.
 *
 * @param apiUrl base URL in place of Telesign's own; may have a path prefix. null in production
 */
export function telesignCalls(apiUrl: string | null, callTimeoutMs: number): TelesignCall {
  const endpoint = (apiUrl ?? telesignHost).replace(/\/+$/, '')
  const clients = new Map<string, TeleSign>()

  function clientFor({ customerId, apiKey }: TelesignCredentials): TeleSign {
    if (!customerId || !apiKey) {
      throw new ProviderError('misconfigured', 'The Customer ID or the API key is missing.')
    }
    const key = `${customerId}:${apiKey}`
    const client = clients.get(key) ?? new TeleSign(customerId, apiKey, endpoint, callTimeoutMs)
    client.sms.requestWrapper = transport
    // Set again, so that the order of the map is the order of use.
    clients.delete(key)
    clients.set(key, client)
    const oldest = clients.keys().next().value
    if (clients.size > mostClients && oldest !== undefined) clients.delete(oldest)
    return client
  }

  return async (credentials, method, resource, fields) => {
    const { sms } = clientFor(credentials)
    return new Promise((fulfil) => {
      // The transport never fails, so what arrives is always what it made.
      sms.execute((_error, answer) => fulfil(answer as TelesignAnswer), method, resource, fields ?? null)
    })
  }
}

const transport: TeleSign.RequestWrapper = {
  request(signed, callback) {
    void perform(signed).then((answer) => callback(null, answer, JSON.stringify(answer)))
  },
}

async function perform(signed: TeleSign.SignedRequest): Promise<TelesignAnswer> {
  try {
    const { status, body, headers } = await callHttp({
      url: new URL(signed.url),
      method: signed.method,
      headers: signed.headers,
      ...(signed.body === undefined ? {} : { body: signed.body }),
      timeoutMs: signed.timeout,
      maxBytes: mostAnswerBytes,
      publicOnly: false,
    })
    return {
      httpStatus: status,
      fault: null,
      body: readJson(body.toString('utf8')),
      retryAfter: headers['retry-after'],
    }
  } catch (error) {
    return { httpStatus: null, fault: neverConnected(error) ? 'never_connected' : 'lost', body: null }
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
