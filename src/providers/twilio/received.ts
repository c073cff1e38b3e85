import type { ReceivedMessage, ReceivedQuery } from '../provider.js'
import { twilioAddress } from './addresses.js'
import type { ClientFor, TwilioCredentials } from './client.js'
import { translateReadError } from './errors.js'
import { listedMediaUrl } from './media.js'

const pageSize = 1000
/** The list can be filtered by one number: up to so many are asked for one by one, for more the whole account is read. */
const askedOneByOne = 10

/**
 * https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources. Newest first, by
 * DateSent, which for a customer's message is when Twilio called (or tried to call) us; whole seconds. There is no filter
 * for the direction.
 */
export async function listReceivedAtTwilio(
  clientFor: ClientFor,
  query: ReceivedQuery,
  credentials: TwilioCredentials,
): Promise<ReceivedMessage[] | null> {
  const { channel, since, until, most } = query
  const ours = new Map(query.numbers.map((number) => [twilioAddress(channel, number), number]))
  const filters = ours.size > askedOneByOne ? [{}] : [...ours.keys()].map((to) => ({ to }))
  const client = clientFor(credentials)
  const rows: Row[] = []
  for (const filter of filters) {
    const limit = most === null ? {} : { limit: most + 1 - rows.length }
    const found = await client.messages
      .list({ ...filter, dateSentAfter: since, dateSentBefore: until, pageSize, ...limit })
      .catch((error: unknown) => {
        throw translateReadError(error)
      })
    for (const row of found) rows.push(row)
    if (most !== null && rows.length > most) return null
  }
  // Reversed before it is sorted, since many share a second
  return rows
    .toReversed()
    .map((row) => ({ row, at: timeOf(row, since), number: ours.get(row.to) }))
    .flatMap(({ row, at, number }) =>
      row.direction === 'inbound' && number !== undefined && at >= since && at < until
        ? { to: number, at, headers: formHeaders, body: bodyOf(row, client.api.baseUrl) }
        : [],
    )
    .toSorted((a, b) => a.at.getTime() - b.at.getTime())
}

type Row = Awaited<ReturnType<ReturnType<ClientFor>['messages']['list']>>[number]

const formHeaders = { 'content-type': 'application/x-www-form-urlencoded' }

function timeOf({ dateSent, dateCreated }: Row, since: Date): Date {
  const at = new Date(dateSent ?? dateCreated ?? since)
  return Number.isNaN(at.getTime()) ? since : at
}

/**
 * The callback that would have come, as far as the list knows it. It does not know the profile name, buttons, a location,
 * what was replied to, or the types of files; where these are is said by the address of their list.
 */
function bodyOf(row: Row, apiUrl: string): string {
  const files = Number(row.numMedia) || 0
  const fields = {
    SmsMessageSid: row.sid,
    NumMedia: String(files),
    SmsSid: row.sid,
    SmsStatus: 'received',
    Body: row.body ?? '',
    To: row.to,
    NumSegments: row.numSegments ?? '1',
    MessageSid: row.sid,
    AccountSid: row.accountSid,
    ...(row.messagingServiceSid ? { MessagingServiceSid: row.messagingServiceSid } : {}),
    From: row.from,
    ...Object.fromEntries(
      Array.from({ length: files }, (_, index) => [`MediaUrl${index}`, listedMediaUrl(apiUrl, row, index)]),
    ),
    ApiVersion: row.apiVersion ?? '',
  }
  return new URLSearchParams(fields).toString()
}
