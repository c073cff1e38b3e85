import type { Provider } from '../provider.js'
import { type TwilioCredentials, twilioClients, twilioCredentials } from './client.js'
import { identifyTwilio, parseTwilio } from './inbound.js'
import { fetchTwilioMedia } from './media.js'
import { listReceivedAtTwilio } from './received.js'
import { findSentAtTwilio, sendThroughTwilio } from './send.js'
import { verifyTwilio } from './signature.js'
import { checkTwilioCredentials, checkTwilioNumber } from './validate.js'

/** Anything but TwiML would be sent to the customer: Twilio takes a text/plain answer for a reply. */
const emptyTwiml = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

/** @param apiUrl base URL in place of Twilio's own hosts; null in production */
export function createTwilio(apiUrl: string | null, callTimeoutMs: number): Provider<TwilioCredentials> {
  const clientFor = twilioClients(apiUrl, callTimeoutMs)
  const apiOrigin = apiUrl === null ? null : new URL(apiUrl).origin
  return {
    name: 'twilio',
    channels: ['sms', 'whatsapp'],
    credentials: twilioCredentials,
    secretField: 'authToken' satisfies keyof TwilioCredentials,
    accountField: 'accountSid' satisfies keyof TwilioCredentials,
    listsMessages: true,
    takesMedia: true,
    verify: verifyTwilio,
    identify: identifyTwilio,
    parse: parseTwilio,
    acknowledge: (kind) =>
      kind === 'inbound'
        ? { status: 200, contentType: 'text/xml', body: emptyTwiml }
        : { status: 204, contentType: null, body: '' },
    send: (message, credentials, now) => sendThroughTwilio(clientFor, message, credentials, now),
    findSent: (message, credentials, since) => findSentAtTwilio(clientFor, message, credentials, since),
    listReceived: (query, credentials) => listReceivedAtTwilio(clientFor, query, credentials),
    checkCredentials: (credentials) => checkTwilioCredentials(clientFor, credentials),
    checkNumber: (number, credentials) => checkTwilioNumber(clientFor, number, credentials),
    fetchMedia: (url, credentials, maxBytes) => fetchTwilioMedia({ url, credentials, maxBytes, apiOrigin }),
  }
}
