import { refuseUnsendable } from '../last-gate.js'
import type { ListedMessage, OutboundMessage, SendReceipt } from '../provider.js'
import { ProviderError } from '../provider-error.js'
import { twilioAddress } from './addresses.js'
import type { ClientFor, TwilioCredentials } from './client.js'
import { explainCode, translateReadError, translateTwilioError } from './errors.js'
import { twilioStatus } from './inbound.js'

/** https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource */
export async function sendThroughTwilio(
  clientFor: ClientFor,
  message: OutboundMessage,
  credentials: TwilioCredentials,
  now: Date,
): Promise<SendReceipt> {
  refuseUnsendable(message, now)
  refuseTooManyFiles(message)
  const client = clientFor(credentials)
  const sent = await client.messages
    .create({
      from: twilioAddress(message.channel, message.from),
      to: twilioAddress(message.channel, message.to),
      ...(message.text === '' ? {} : { body: message.text }),
      ...(message.mediaUrls.length === 0 ? {} : { mediaUrl: message.mediaUrls }),
      statusCallback: statusUrl(message),
    })
    .catch((error: unknown) => {
      throw translateTwilioError(error)
    })
  return readReceipt(sent)
}

function refuseTooManyFiles(message: OutboundMessage): void {
  const limit = message.channel === 'whatsapp' ? 1 : 10
  if (message.mediaUrls.length <= limit) return
  throw new ProviderError(
    'rejected',
    `A message takes at most ${limit} ${limit === 1 ? 'file' : 'files'} here.`,
  )
}

/** Our id goes in the query string, so that a report finds its message even before our commit. */
function statusUrl(message: OutboundMessage): string {
  const [url = '', fragment] = message.statusCallbackUrl.split('#', 2)
  const withId = `${url}${url.includes('?') ? '&' : '?'}message=${encodeURIComponent(message.id)}`
  return fragment === undefined ? withId : `${withId}#${fragment}`
}

type Created = Awaited<ReturnType<ReturnType<ClientFor>['messages']['create']>>

function readReceipt(sent: Created): SendReceipt {
  // What the SDK types as a string is whatever the answer held.
  if (typeof sent.sid !== 'string' || sent.sid === '') {
    throw new ProviderError(
      'outcome_unknown',
      'Twilio’s answer cannot be read; the message may have been sent.',
    )
  }
  const status = twilioStatus(String(sent.status)) ?? 'queued'
  if (status === 'failed' || status === 'undelivered') {
    const failure = explainCode(sent.errorCode ? String(sent.errorCode) : null, sent.errorMessage ?? null)
    throw new ProviderError(failure.kind, failure.message, failure.providerCode)
  }
  const segments = Number(sent.numSegments)
  // "0" while a Messaging Service has not yet picked the sender.
  return { providerMessageId: sent.sid, status, segments: segments > 0 ? segments : null }
}

/** Twilio's times have whole seconds, and its clock is not ours. */
const clockToleranceMs = 5000
const mostListed = 200

/** Twilio puts this before every text that a trial account sends. */
const trialPrefix = 'Sent from your Twilio trial account - '

/**
 * https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
 *
 * Filtered here by creation, not there by DateSent: a message that still waits in Twilio's queue has no DateSent, and
 * one that is missed here would be sent twice. Newest first. Messages up to five seconds older than `since` are
 * listed too, so the caller must leave out those whose ids it knows.
 */
export async function findSentAtTwilio(
  clientFor: ClientFor,
  message: OutboundMessage,
  credentials: TwilioCredentials,
  since: Date,
): Promise<ListedMessage[]> {
  const listed = await clientFor(credentials)
    .messages.list({
      from: twilioAddress(message.channel, message.from),
      to: twilioAddress(message.channel, message.to),
      pageSize: mostListed,
      limit: mostListed,
    })
    .catch((error: unknown) => {
      throw translateReadError(error)
    })
  const earliest = since.getTime() - clockToleranceMs
  return listed
    .filter(({ body }) => (body ?? '') === message.text || body === trialPrefix + message.text)
    .filter(({ dateCreated }) => dateCreated == null || !(new Date(dateCreated).getTime() < earliest))
    .map(({ sid, status }) => ({ providerMessageId: sid, status: twilioStatus(String(status)) ?? 'queued' }))
}
