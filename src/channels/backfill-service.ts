import type { ChannelAccount } from '../db/generated/client.js'
import { recordAudit } from '../identity/audit.js'
import type { JobQueues } from '../jobs/job-queues.js'
import type { OrgCaller } from '../lib/caller.js'
import { later, minutes, seconds } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import type { Logger } from '../lib/logger.js'
import { ProviderError } from '../providers/provider-error.js'
import { getAccount, updateAccount } from './account-repository.js'
import { readAllAt, setNextReading, takeDueAccount } from './backfill-repository.js'
import {
  farthestBack,
  firstReading,
  latestBy,
  ownSince,
  readEvery,
  retryAt,
  spanToRead,
  wholeSecond,
} from './backfill-schedule.js'
import { naming } from './credentials.js'
import { listNumbersOf } from './number-repository.js'
import { type MissingParts, type Reading, type Tally, takeMissing } from './take-missing.js'

/** What a caller is told of a reading that they asked for. */
export interface BackfillResult {
  supported: boolean
  since: string | null
  until: string | null
  complete: boolean
  listed: number
  recovered: number
  alreadyKnown: number
  detail: string
}

/** While one process reads an account's list, no other does */
const leaseTime = minutes(10)
/** No further part is begun for a caller who has waited so long */
const patience = seconds(20)

/**
 * Takes in customers' messages whose callbacks never came, because we were away for longer than the provider repeats
 * them (decision 0015). They go through the inbox like any other, marked as recovered.
 */
export class BackfillService {
  constructor(private readonly parts: MissingParts & { jobs: JobQueues; log: Logger }) {}

  /** Has every account's list read shortly after a process has started. Several that start together read it once. */
  begin(): Promise<void> {
    const { db, clock, providers } = this.parts
    const listing = Object.values(providers).filter(({ listsMessages }) => listsMessages)
    return readAllAt(
      db,
      listing.map(({ name }) => name),
      firstReading(clock.now()),
    )
  }

  /** Reads the lists that are due, one account after the other. */
  async drain(orgId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.readDue(orgId, signal)));
  }

  /**
   * What an admin asks for. Takes in whatever is missing at this moment, also what may still come by itself. Throws
   * `provider_unreachable`, and `conflict` where the provider refuses the account's credentials.
   */
  async run(caller: OrgCaller, id: string, given: string | undefined): Promise<BackfillResult> {
    const now = this.parts.clock.now()
    const { account, addresses } = await this.parts.db.inOrg(caller, async (tx) => {
      const account = await getAccount(tx, id)
      const after = { since: given ?? null }
      await recordAudit(tx, caller, { action: 'channel_account.backfilled', subjectId: id, at: now, after })
      return { account, addresses: (await listNumbersOf(tx, id)).map(({ address }) => address) }
    })
    if (!this.parts.providers[account.provider].listsMessages) return notSupported(account)
    const asked = given === undefined ? spanToRead(account, now).since : new Date(given)
    assertWithinReach(asked, now)
    const since = wholeSecond(asked)
    const began = performance.now()
    const reading: Reading = {
      account,
      numbers: new Map(addresses.map((address) => [address, since])),
      since,
      until: latestBy(now),
      isRegular: false,
      mayGoOn: () => performance.now() - began < patience,
    }
    const tally = await takeMissing(this.parts, reading).catch((error) => {
      throw error instanceof ProviderError ? refusal(error) : error
    })
    await this.tell(account, tally)
    return present(tally, { since, now, isComplete: tally.until >= reading.until })
  }

  private async readDue(orgId: string, signal: AbortSignal): Promise<boolean> {
    const now = this.parts.clock.now()
    const lease = later(now, leaseTime)
    const due = await this.parts.db.inOrg(orgId, async (tx) => {
      const account = await takeDueAccount(tx, { now, lease })
      return account && { account, numbers: await listNumbersOf(tx, account.id) }
    })
    if (!due) return false
    const { account } = due
    try {
      const tally = await takeMissing(this.parts, {
        account,
        numbers: new Map(due.numbers.map((number) => [number.address, ownSince(number)])),
        ...spanToRead(account, now),
        isRegular: true,
        mayGoOn: () => !signal.aborted,
      })
      await this.tell(account, tally)
      await this.note(account, { lease, failure: null, next: signal.aborted ? now : later(now, readEvery) })
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error
      this.parts.log.warn({ err: error, orgId, accountId: account.id }, 'the list of messages was not read')
      const next = retryAt(account.backfillAttempts + 1, this.parts.clock.now())
      await this.note(account, { lease, failure: error.message, next })
    }
    return true
  }

  private note(
    { orgId, id, backfillAttempts }: ChannelAccount,
    { lease, failure, next }: { lease: Date; failure: string | null; next: Date },
  ): Promise<void> {
    return this.parts.db.inOrg(orgId, async (tx) => {
      await updateAccount(tx, id, {
        backfillAttempts: failure === null ? 0 : backfillAttempts + 1,
        backfillProblem: failure,
      })
      await setNextReading(tx, { id, lease }, next)
    })
  }

  /** Nobody waits for the worker, and where waking it fails the sweep finds what is due. */
  private async tell({ orgId, id }: ChannelAccount, { listed, recovered }: Tally): Promise<void> {
    if (recovered === 0) return
    this.parts.log.info({ orgId, accountId: id, listed, recovered }, 'messages were recovered')
    await this.parts.jobs.wake('inbound', orgId).catch(() => undefined)
  }
}

function assertWithinReach(since: Date, now: Date): void {
  if (since > now) throw invalidField('since', 'This moment has not come yet.')
  if (since < wholeSecond(later(now, -farthestBack)))
    throw invalidField('since', 'At most 30 days back: by then it is no longer known which messages came.')
}

const refusal = ({ kind, message, providerCode, retryable }: ProviderError): AppError =>
  retryable || kind === 'outcome_unknown'
    ? new AppError('provider_unreachable', message)
    : new AppError('conflict', message, { providerCode })

function notSupported({ provider }: ChannelAccount): BackfillResult {
  const { provider: name } = naming[provider]
  const detail = `${name} has no list of the messages that it received, so nothing can be recovered. It repeats a callback for about half a minute; what it gave up then is lost to us.`
  return { ...nothing, supported: false, since: null, until: null, complete: true, detail }
}

const nothing = { listed: 0, recovered: 0, alreadyKnown: 0 }

function present(
  { listed, recovered, until }: Tally,
  { since, now, isComplete }: { since: Date; now: Date; isComplete: boolean },
): BackfillResult {
  const counted = `${recovered} of ${listed} listed messages were missing and are taken in now.`
  return {
    supported: true,
    since: since.toISOString(),
    until: (isComplete ? now : until).toISOString(),
    complete: isComplete,
    listed,
    recovered,
    alreadyKnown: listed - recovered,
    detail: isComplete ? counted : `${counted} There is more: call again with "since" set to this "until".`,
  }
}
