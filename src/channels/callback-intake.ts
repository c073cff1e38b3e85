import type { Database } from '../db/database.js'
import { isUnavailable } from '../db/faults.js'
import type { ProviderName } from '../db/generated/enums.js'
import type { JobQueues } from '../jobs/job-queues.js'
import { Batcher } from '../lib/batcher.js'
import { type Clock, seconds } from '../lib/clock.js'
import { AppError, notFound } from '../lib/errors.js'
import { inTime } from '../lib/in-time.js'
import type { Logger } from '../lib/logger.js'
import { PacedBatches } from '../lib/paced-batches.js'
import { Rate } from '../lib/rate.js'
import type { SecretBox } from '../lib/secret-box.js'
import type { CallbackReply } from '../providers/provider.js'
import type { Providers } from '../providers/registry.js'
import { AccountMemory, type KnownAccount } from './account-memory.js'
import { type NewCallback, type StoreOutcome, storeCallbacks } from './callback-repository.js'
import { isGenuine, type Posted, toNewCallback } from './posted.js'
import { SecondLook } from './second-look.js'

/** A provider's call, as the HTTP side took it. */
export interface CallbackCall {
  /** A UUID: the request's, and the callback's in the inbox */
  id: string
  provider: ProviderName
  kind: 'inbound' | 'status'
  token: string
  /** The raw request target: path and query string as they came */
  target: string
  /** Names in lower case */
  headers: Readonly<Record<string, string | undefined>>
  body: string
}

interface Parts {
  db: Database
  clock: Clock
  jobs: JobQueues
  providers: Providers
  secretBox: SecretBox
  publicUrl: string
  log: Logger
}

/** What became of a callback, or why the database would not have it. */
type Stored = { outcome: StoreOutcome } | { fault: unknown }

/** Twilio waits for four seconds (callback-urls.ts) before it repeats the call */
const answerWithin = seconds(3)
const mostTogether = 200
const enoughTogether = 8
const wakePauseMs = 5
/** Each wake-up costs every listener of the database; in a flood whoever works goes on by himself */
const floodWakePauseMs = 50
/** Callbacks a second from which on it is a flood: about what a worker attaches (docs/scaling.md) */
const flood = 3000
/** Callbacks without an answer from which on they wait for each other: at half load there are nine (1,300 /s × 7 ms) */
const manyUnanswered = 32

/**
 * Takes callbacks in: checks the signature, stores, answers (api.md 6). The hottest path of the service: a callback
 * makes no query of its own, those of one moment share one commit, and what they say is understood later by the worker.
 */
export class CallbackIntake {
  private readonly memory: AccountMemory
  private readonly secondLook: SecondLook
  private readonly inbox: Batcher<NewCallback, Stored>
  private readonly wakes: PacedBatches<null, null>
  private readonly rate = new Rate()

  constructor(private readonly parts: Parts) {
    const { db, clock, providers, secretBox } = parts
    this.memory = new AccountMemory(db, secretBox)
    this.secondLook = new SecondLook({ db, clock, providers, memory: this.memory })
    this.inbox = new Batcher((batch) => this.write(batch), { items: mostTogether, enough: enoughTogether })
    this.wakes = new PacedBatches(
      (orgId, wishes) => this.wake(orgId, wishes),
      () => (this.rate.perSecond(performance.now()) > flood ? floodWakePauseMs : wakePauseMs),
    )
  }

  /** Whether there is somebody to take it, as far as is known without the database. */
  remembers(provider: ProviderName, token: string): boolean {
    return this.memory.recall(token)?.provider === provider
  }

  /** Whether there is somebody to take it. @param token null where it has not the form of one */
  async isKnown(provider: ProviderName, token: string | null): Promise<boolean> {
    if (token === null) return false
    const account = this.memory.recall(token) ?? (await this.memory.find(token))
    return account?.provider === provider
  }

  /**
   * Answers when the callback is durable, or was before. Throws `not_found` for an unknown token, `forbidden` for a bad
   * signature, and `unavailable` or whatever the database throws while it is away: the provider then repeats the call. What
   * is stored after all, too late to say so, is stored once.
   */
  receive(call: CallbackCall): Promise<CallbackReply> {
    return inTime(this.take(call), answerWithin, tooLate)
  }

  private async take(call: CallbackCall): Promise<CallbackReply> {
    const account = this.memory.recall(call.token) ?? (await this.memory.find(call.token))
    if (!account || account.provider !== call.provider) throw unknownUrl()
    const provider = this.parts.providers[account.provider]
    const receivedAt = this.parts.clock.now()
    const request = { url: this.parts.publicUrl + call.target, headers: call.headers, body: call.body }
    const identity = provider.identify(request, account.providerAccountId)
    const posted = { id: call.id, request, identity, receivedAt }
    const isSigned = isGenuine(provider, request, { account, now: receivedAt.getTime() })
    if (!isSigned || (await this.store(account, posted)) === 'stale') {
      await this.receiveAgain(call.token, posted, account.version)
    }
    return provider.acknowledge(call.kind)
  }

  /** Whether many callbacks wait to be answered. */
  get isPressed(): boolean {
    return this.unanswered > manyUnanswered
  }

  /** How many callbacks are being stored, or wait for it. */
  get unanswered(): number {
    return this.inbox.size
  }

  /** The account may have changed since it was remembered. */
  private async receiveAgain(token: string, posted: Posted, version: number): Promise<void> {
    if (!posted.identity.isSigned) throw badSignature()
    const verdict = await this.secondLook.take(token, posted, version)
    if (verdict === 'unknown') throw unknownUrl()
    if (verdict === 'refused') throw badSignature()
    if ((await this.store(verdict, posted)) === 'stale') {
      throw new AppError('unavailable', 'The account is being changed at this moment. Repeat the call.')
    }
  }

  private async store(account: KnownAccount, posted: Posted): Promise<StoreOutcome> {
    const stored = await this.inbox.add(toNewCallback(account, posted))
    if ('fault' in stored) throw stored.fault
    return stored.outcome
  }

  private async write(batch: NewCallback[]): Promise<Stored[]> {
    this.rate.add(batch.length, performance.now())
    const stored = await this.storeBatch(batch)
    const toWake = new Set<string>()
    for (const [index, one] of stored.entries()) {
      const orgId = batch[index]?.orgId
      if (orgId && 'outcome' in one && one.outcome === 'stored') toWake.add(orgId)
    }
    for (const orgId of toWake) void this.wakes.add(orgId, null)
    return stored
  }

  /** Where the database refuses the batch, each by itself: it holds callbacks of several organizations. */
  private async storeBatch(batch: NewCallback[]): Promise<Stored[]> {
    try {
      const outcomes = await storeCallbacks(this.parts.db, batch)
      return outcomes.map((outcome) => ({ outcome }))
    } catch (error) {
      if (isUnavailable(error)) throw error
      const [one, ...others] = batch
      if (!one || others.length === 0) return [{ fault: error }]
      const stored: Stored[] = []
      for (const callback of batch) stored.push(...(await this.storeBatch([callback])))
      return stored
    }
  }

  /** Nobody waits for it, and where it fails the sweep finds what is due. */
  private async wake(orgId: string, wishes: null[]): Promise<null[]> {
    await this.parts.jobs.wake('inbound', orgId).catch((error) => {
      this.parts.log.debug({ err: error, orgId }, 'the worker could not be woken')
    })
    return wishes
  }
}

const tooLate = () => new AppError('unavailable', 'The database does not answer in time. Repeat the call.')

const unknownUrl = () => notFound('callback URL')

const badSignature = () =>
  new AppError(
    'forbidden',
    'The signature of this callback does not fit the secrets of the account and the URL that was called.',
  )
