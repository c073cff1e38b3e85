import type { Database, OrgTx } from '../db/database.js'
import { isDuplicate } from '../db/faults.js'
import type { CallbackState } from '../db/generated/enums.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import type { JobQueues } from '../jobs/job-queues.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import type { Providers } from '../providers/registry.js'
import {
  deleteKept,
  hasGenuine,
  type KeptCallback,
  listKept,
  lockKept,
  releaseKept,
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
  state: Exclude<CallbackState, 'done'>
  receivedAt: string
  from: string | null
  to: string | null
}

/** Callbacks that were kept and not worked: badly signed ones, and signed ones that the worker could not use. */
export class QuarantineService {
  constructor(private readonly parts: Parts) {}

  list(
    caller: OrgCaller,
    query: PageRequest & { reason?: string | undefined; accountId?: string | undefined },
  ): Promise<Page<ShownCallback>> {
    return this.parts.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listKept(tx, query, this.parts.clock.now()), query)
      return { data: data.map((row) => this.present(row)), nextCursor }
    })
  }

  /**
   * Hands it to the worker. Where the provider has sent the same with a good signature meanwhile, there is nothing to
   * hand over: the kept one goes, and the answer says `duplicate`.
   */
  async release(caller: OrgCaller, id: string): Promise<ShownCallback & { duplicate: boolean }> {
    const attempt = () => this.parts.db.inOrg(caller, (tx) => this.releaseIn(tx, id))
    const released = await attempt().catch((error) => {
      // The genuine one came between the look and the change; the next look sees it
      if (isDuplicate(error)) return attempt()
      throw error
    })
    // Where this fails, the sweep finds what is due
    if (!released.duplicate) await this.parts.jobs.wake('inbound', caller.orgId).catch(() => undefined)
    return released
  }

  private async releaseIn(tx: OrgTx, id: string): Promise<ShownCallback & { duplicate: boolean }> {
    const now = this.parts.clock.now()
    const kept = await lockKept(tx, id, now)
    const duplicate = kept.state === 'quarantined' && (await hasGenuine(tx, kept))
    if (duplicate) await deleteKept(tx, id)
    else await releaseKept(tx, id, now)
    const released = duplicate ? kept : { ...kept, state: 'pending' as const, reason: null, detail: null }
    return { ...this.present({ ...released, attempts: duplicate ? kept.attempts : 0 }), duplicate }
  }

  private present(row: KeptCallback): ShownCallback {
    const { url, contentType, body } = row
    const event = this.parts.providers[row.provider].parse({
      url,
      body,
      headers: { 'content-type': contentType },
    })
    return {
      id: row.id,
      accountId: row.accountId,
      kind: row.kind,
      state: row.state === 'done' ? 'pending' : row.state,
      reason: row.reason,
      detail: row.detail,
      providerKey: row.providerKey,
      receivedAt: row.receivedAt.toISOString(),
      attempts: row.attempts,
      from: event.type === 'message' ? event.from : null,
      to: event.type === 'message' ? event.to : null,
      body,
    }
  }
}
