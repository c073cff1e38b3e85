import { performance } from 'node:perf_hooks'
import type { Database } from '../db/database.js'
import type { Clock } from '../lib/clock.js'
import { PacedBatches } from '../lib/paced-batches.js'
import type { Providers } from '../providers/registry.js'
import type { AccountMemory, KnownAccount } from './account-memory.js'
import { naming } from './credentials.js'
import { isGenuine, type Posted, toNewCallback } from './posted.js'
import { quarantineBound, quarantineCallbacks } from './quarantine-repository.js'

/** The account by which the callback is genuine after all; `refused`: its signature fails; `unknown`: no such account. */
export type Verdict = KnownAccount | 'refused' | 'unknown'

interface Doubtful {
  posted: Posted
  /** The version of the account that it was checked with */
  version: number
}

interface Parts {
  db: Database
  clock: Clock
  providers: Providers
  memory: AccountMemory
}

const pauseMs = 250
// Beyond a first flood that fills the quarantine, so many a second may enter it
const refillPerSecond = 5

/**
 * Looks again at callbacks that a remembered account does not fit: it may have changed in another process since. What
 * still fails goes into the quarantine if it names the account. A flood of forged calls reaches the database at most a
 * few times a second for each account.
 */
export class SecondLook {
  private readonly looks: PacedBatches<Doubtful, Verdict>
  private readonly allowances = new Map<string, { left: number; at: number }>()

  constructor(private readonly parts: Parts) {
    this.looks = new PacedBatches(
      (token, doubtful) => this.lookAgain(token, doubtful),
      () => pauseMs,
    )
  }

  /** Resolves when a refused callback is safe in the quarantine. */
  take(token: string, posted: Posted, version: number): Promise<Verdict> {
    return this.looks.add(token, { posted, version })
  }

  private async lookAgain(token: string, doubtful: Doubtful[]): Promise<Verdict[]> {
    const account = await this.parts.memory.look(token)
    if (!account) return doubtful.map(() => 'unknown')
    const provider = this.parts.providers[account.provider]
    const now = this.parts.clock.now()
    const refused: Posted[] = []
    const verdicts = doubtful.map(({ posted, version }): Verdict => {
      const isAfterAll =
        version !== account.version && isGenuine(provider, posted.request, { account, now: now.getTime() })
      if (isAfterAll) return account
      refused.push(posted)
      return 'refused'
    })
    await this.quarantine(account, refused, now)
    return verdicts
  }

  private async quarantine(account: KnownAccount, refused: Posted[], now: Date): Promise<void> {
    const provider = this.parts.providers[account.provider]
    const named = refused.filter(
      ({ request }) => provider.identify(request, account.providerAccountId).namesAccount,
    )
    if (named.length === 0) return
    const admitted = named.slice(0, this.admit(account.id, named.length))
    const callbacks = admitted.map((posted) => ({
      ...toNewCallback(account, posted),
      reason: 'signature_mismatch',
      detail: whatToMend(account),
    }))
    await this.parts.db.inOrg(account.orgId, (tx) =>
      quarantineCallbacks(tx, account.id, { callbacks, refused: named.length - admitted.length }, now),
    )
  }

  /** How many of so many may enter the quarantine now: all of it at once, then a few a second. */
  private admit(accountId: string, wanted: number): number {
    const at = performance.now()
    const before = this.allowances.get(accountId) ?? { left: quarantineBound, at }
    const refilled = before.left + ((at - before.at) / 1000) * refillPerSecond
    const available = Math.min(quarantineBound, refilled)
    const admitted = Math.min(wanted, Math.floor(available))
    this.allowances.set(accountId, { left: available - admitted, at })
    return admitted
  }
}

function whatToMend({ provider }: KnownAccount): string {
  const { provider: name, secretName } = naming[provider]
  const url = provider === 'twilio' ? ' and that the URL there is exactly its callbackUrl' : ''
  return `The signature does not fit. Check that the ${secretName} of this account is the one that ${name} shows${url}, then release this.`
}
