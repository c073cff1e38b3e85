import type { Provider } from '../provider.js'
import { ProviderError } from '../provider-error.js'
import { type TelesignCredentials, telesignCalls, telesignCredentials } from './client.js'
import { identifyTelesign, parseTelesign } from './inbound.js'
import { sendThroughTelesign } from './send.js'
import { verifyTelesign } from './signature.js'
import { checkTelesignCredentials, checkTelesignNumber } from './validate.js'

/** @param apiUrl base URL in place of Telesign's own; null in production */
export function createTelesign(apiUrl: string | null, callTimeoutMs: number): Provider<TelesignCredentials> {
  const call = telesignCalls(apiUrl, callTimeoutMs)
  return {
    name: 'telesign',
    channels: ['sms'],
    credentials: telesignCredentials,
    secretField: 'apiKey' satisfies keyof TelesignCredentials,
    accountField: 'customerId' satisfies keyof TelesignCredentials,
    listsMessages: false,
    takesMedia: false,
    verify: verifyTelesign,
    identify: identifyTelesign,
    parse: parseTelesign,
    // Only HTTP 200 counts; anything else is repeated.
    acknowledge: () => ({ status: 200, contentType: 'application/json', body: '{}' }),
    send: (message, credentials, now) => sendThroughTelesign(call, message, credentials, now),
    findSent: () => Promise.resolve([]),
    listReceived: () => Promise.resolve([]),
    checkCredentials: (credentials) => checkTelesignCredentials(call, credentials),
    checkNumber: (number) => Promise.resolve(checkTelesignNumber(number)),
    fetchMedia: () => Promise.reject(new ProviderError('rejected', 'Telesign SMS have no files.')),
  }
}
