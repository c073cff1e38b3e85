import type { Database } from '../db/database.js'
import type { ChannelAccount } from '../db/generated/client.js'
import type { Clock } from '../lib/clock.js'
import { later, seconds } from '../lib/clock.js'
import { newId } from '../lib/ids.js'
import type { SecretBox } from '../lib/secret-box.js'
import type { Provider, ReceivedMessage } from '../providers/provider.js'
import type { Providers } from '../providers/registry.js'
import { getAccount, updateAccount } from './account-repository.js'
import { findKnownKeys, storeRecovered } from './backfill-repository.js'
import { wholeSecond } from './backfill-schedule.js'
import type { NewCallback } from './callback-repository.js'
import { callbackUrl } from './callback-urls.js'
import { credentialFields } from './credentials.js'

export interface MissingParts {
  db: Database
  clock: Clock
  providers: Providers
  secretBox: SecretBox
  publicUrl: string
}

export interface Reading {
  account: ChannelAccount
  /** Our numbers, each with the moment from which on its messages are ours */
  numbers: ReadonlyMap<string, Date>
  /** A whole second */
  since: Date
  until: Date
  /** Whether the account is known to be complete up to where this came */
  isRegular: boolean
  /** Asked before each part */
  mayGoOn(): boolean
}

export interface Tally {
  /** Where it came to: `until`, or less where it could not go on */
  until: Date
  listed: number
  recovered: number
}

/** Rows of the provider's list that are held in memory at once */
const mostAtOnce = 1000
const smallestPart = seconds(1)

/**
 * Compares the provider's list with the inbox and takes in what is missing, oldest first. The list comes newest first, so
 * it is read in parts of time that fit into memory; each is stored as one unit of work, and what was done is not lost
 * where a later one fails.
 */
export async function takeMissing(parts: MissingParts, reading: Reading): Promise<Tally> {
  const tally: Tally = { until: reading.since, listed: 0, recovered: 0 }
  let length = Number.POSITIVE_INFINITY
  while (tally.until < reading.until && reading.mayGoOn()) {
    const end = later(tally.until, Math.min(length, reading.until.getTime() - tally.until.getTime()))
    const { messages, until } = await readPart(parts, reading, { since: tally.until, until: end })
    // The next part is about as full, so that it is mostly found at the first try
    length = 2 * (until.getTime() - tally.until.getTime())
    tally.recovered += await takeIn(parts, reading, { messages, until })
    tally.listed += messages.length
    tally.until = until
  }
  return tally
}

interface Part {
  messages: ReceivedMessage[]
  until: Date
}

/** This span or as much of its beginning as is not too long a list, found by halving. */
async function readPart(
  { providers, secretBox }: MissingParts,
  { account, numbers }: Reading,
  { since, until }: Pick<Reading, 'since' | 'until'>,
): Promise<Part> {
  const { provider, channel, providerAccountId } = account
  const secret = secretBox.open(account.secret, account.id)
  const credentials = credentialFields(provider, { accountId: providerAccountId, secret })
  for (let end = until; ; end = halfway(since, end)) {
    const most = end.getTime() - since.getTime() < 2 * smallestPart ? null : mostAtOnce
    const query = { channel, numbers: [...numbers.keys()], since, until: end, most }
    const listed = await providers[provider].listReceived(query, credentials)
    if (!listed) continue
    const ours = listed.filter(({ to, at }) => at >= (numbers.get(to) ?? since))
    return { messages: ours, until: end }
  }
}

const halfway = (since: Date, until: Date): Date =>
  wholeSecond(later(since, (until.getTime() - since.getTime()) / 2))

async function takeIn(parts: MissingParts, { account, isRegular }: Reading, part: Part): Promise<number> {
  const callbacks = part.messages.map((message) => toCallback(parts, account, message))
  return parts.db.inOrg(account.orgId, async (tx) => {
    // It may have been deleted meanwhile
    await getAccount(tx, account.id)
    const known = await findKnownKeys(
      tx,
      account,
      callbacks.map(({ key }) => key),
    )
    const missing = callbacks.filter(({ key }) => !known.has(key))
    const recovered = missing.length > 0 ? await storeRecovered(tx, missing, parts.clock.now()) : 0
    if (isRegular) await updateAccount(tx, account.id, { backfilledUntil: part.until })
    return recovered
  })
}

function toCallback(
  { providers, publicUrl }: MissingParts,
  account: ChannelAccount,
  { headers, body, at }: ReceivedMessage,
): NewCallback {
  const provider: Provider = providers[account.provider]
  const request = { url: callbackUrl(publicUrl, account), headers, body }
  const { kind, key, lane } = provider.identify(request, account.providerAccountId)
  return {
    orgId: account.orgId,
    accountId: account.id,
    version: account.version,
    id: newId(),
    kind,
    key,
    lane,
    url: request.url,
    contentType: headers['content-type'] ?? '',
    body,
    receivedAt: at,
  }
}
