import type { Database, OrgTx } from '../db/database.js'
import { isDuplicate } from '../db/faults.js'
import type { CallbackState } from '../db/generated/enums.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { recordAudit } from '../identity/audit.js'
import type { JobQueues } from '../jobs/job-queues.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { invalidField } from '../lib/errors.js'
import type { InboundMessage } from '../providers/provider.js'
import type { Providers } from '../providers/registry.js'
import { findAccounts } from './account-repository.js'
import {
  deleteKept,
  hasGenuine,
  type KeptCallback,
  type KeptFilter,
  listKept,
  lockKept,
  releaseKept,
  releaseSetAside,
} from './quarantine-repository.js'

interface Parts {
  db: Database
  clock: Clock
  jobs: JobQueues
  providers: Providers
}

interface ShownCallback
  extends Pick<
    KeptCallback,
    'id' | 'accountId' | 'kind' | 'reason' | 'detail' | 'providerKey' | 'attempts' | 'body'
  > {
  /** `pending`: it has just been released */
  state: Exclude<CallbackState, 'accepted'> | 'pending'
  receivedAt: string
  from: string | null
  to: string | null
  text: string | null
}

const mostReleased = 1000

/** Callbacks that were kept and not worked: badly signed ones, and signed ones that the worker could not use. */
export class QuarantineService {
  constructor(private readonly parts: Parts) {}

  list(caller: OrgCaller, query: PageRequest & KeptFilter): Promise<Page<ShownCallback>> {
    return this.parts.db.inOrg(caller, async (tx) => {
      const at = this.parts.clock.now()
      const { data, nextCursor } = pageById(await listKept(tx, query, at), query)
      const action = 'organization.quarantine_read'
      await recordAudit(tx, caller, { action, subjectId: caller.orgId, at })
      return { data: data.map((row) => this.present(row)), nextCursor }
    })
  }

  /**
   * Hands it to the worker. Where the provider has sent the same with a good signature meanwhile, there is nothing to
   * hand over: the kept one goes, and the answer says `duplicate`.
   */
  async release(caller: OrgCaller, id: string): Promise<ShownCallback & { duplicate: boolean }> {
    const attempt = () => this.parts.db.inOrg(caller, (tx) => this.releaseIn(tx, caller, id))
    const released = await attempt().catch((error) => {
      // The genuine one came between the look and the change; the next look sees it
      if (isDuplicate(error)) return attempt()
      throw error
    })
    if (!released.duplicate) await this.wake(caller)
    return released
  }

  /**
   * Hands many that the worker set aside to it again, oldest first. Not those with a bad signature: a person looks at
   * each of them, for it may be forged.
   */
  async releaseAll(
    caller: OrgCaller,
    filter: Pick<KeptFilter, 'accountId' | 'reason'>,
  ): Promise<{ released: number; hasMore: boolean }> {
    const { accountId } = filter
    const released = await this.parts.db.inOrg(caller, async (tx) => {
      if (accountId && (await findAccounts(tx, [accountId])).length === 0)
        throw invalidField('accountId', 'There is no such channel account.')
      const at = this.parts.clock.now()
      const count = await releaseSetAside(tx, filter, { now: at, limit: mostReleased })
      const action = 'organization.callbacks_released'
      const after = { ...filter, released: count }
      await recordAudit(tx, caller, { action, subjectId: caller.orgId, at, after })
      return count
    })
    if (released > 0) await this.wake(caller)
    return { released, hasMore: released === mostReleased }
  }

  /** Where this fails, the sweep finds what is due. */
  private async wake({ orgId }: OrgCaller): Promise<void> {
    await this.parts.jobs.wake('inbound', orgId).catch(() => undefined)
  }

  private async releaseIn(
    tx: OrgTx,
    caller: OrgCaller,
    id: string,
  ): Promise<ShownCallback & { duplicate: boolean }> {
    const now = this.parts.clock.now()
    const kept = await lockKept(tx, id, now)
    const duplicate = kept.state === 'quarantined' && (await hasGenuine(tx, kept))
    if (duplicate) await deleteKept(tx, id)
    else await releaseKept(tx, id, now)
    await recordAudit(tx, caller, {
      action: 'callback.released',
      subjectId: id,
      at: now,
      before: { accountId: kept.accountId, state: kept.state, reason: kept.reason },
      after: { duplicate },
    })
    const released = duplicate ? kept : { ...kept, state: 'accepted' as const, reason: null, detail: null }
    return { ...this.present({ ...released, attempts: duplicate ? kept.attempts : 0 }), duplicate }
  }

  private present(row: KeptCallback): ShownCallback {
    const message = this.read(row)
    return {
      id: row.id,
      accountId: row.accountId,
      kind: row.kind,
      state: row.state === 'accepted' ? 'pending' : row.state,
      reason: row.reason,
      detail: row.detail,
      providerKey: row.providerKey,
      receivedAt: row.receivedAt.toISOString(),
      attempts: row.attempts,
      from: message?.from ?? null,
      to: message?.to ?? null,
      text: message?.text ?? null,
      body: row.body,
    }
  }

  /** What cannot be read may be kept just for that, and must not hide the others of the list. */
  private read({ provider, url, contentType, body }: KeptCallback): InboundMessage | null {
    try {
      const headers = { 'content-type': contentType }
      const event = this.parts.providers[provider].parse({ url, body, headers })
      return event.type === 'message' ? event : null
    } catch {
      return null
    }
  }
}
