import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { emitAccessChange } from '../events/outbox.js'
import type { PlatformCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { newId } from '../lib/ids.js'
import { recordAudit } from './audit.js'
import { issueKey } from './keys.js'
import { presentKey, presentOrganization } from './present.js'
import {
  getOrganization,
  insertOrganization,
  listOrganizations,
  lockOrganization,
  updateOrganization,
} from './repository.js'
import type { changeOrganizationBody, createOrganizationBody, newOrganizationSchema } from './schemas.js'

type Shown = ReturnType<typeof presentOrganization>

/** What the operator does with organizations. Nothing here reads their rows. */
export class OrganizationService {
  /** @param furnish gives a new organization its default queue and its built-in workstreams, in the same transaction */
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly furnish: (tx: OrgTx, now: Date) => Promise<void>,
  ) {}

  /** A new organization with all that it needs to receive messages, and its first admin key. */
  create(
    caller: PlatformCaller,
    { name, timeZone, defaultCountry = null }: z.infer<typeof createOrganizationBody>,
  ): Promise<z.infer<typeof newOrganizationSchema>> {
    const now = this.clock.now()
    return this.db.inOrg({ ...caller, orgId: newId() }, async (tx) => {
      const row = await insertOrganization(tx, { name, timeZone, defaultCountry, now })
      await this.furnish(tx, now)
      const first = await issueKey(tx, {
        kind: 'api_key',
        name: 'First admin key',
        role: 'admin',
        permissions: ['secrets:write'],
        now,
      })
      const shown = presentOrganization(row)
      const after = { ...shown, apiKey: presentKey(first.row) }
      await recordAudit(tx, caller, { action: 'organization.created', subjectId: row.id, at: now, after })
      return { ...shown, apiKey: { id: first.row.id, key: first.key, role: 'admin' as const } }
    })
  }

  async list(_caller: PlatformCaller, page: PageRequest): Promise<Page<Shown>> {
    const { data, nextCursor } = pageById(await listOrganizations(this.db, page), page)
    return { data: data.map(presentOrganization), nextCursor }
  }

  get(_caller: PlatformCaller, id: string): Promise<Shown> {
    return this.db.inOrg(id, async (tx) => presentOrganization(await getOrganization(tx)))
  }

  /** Suspension, switched-off channels and limits take effect with the next call; a suspension ends open streams. */
  update(
    caller: PlatformCaller,
    id: string,
    { suspended, channels, ...rest }: z.infer<typeof changeOrganizationBody>,
  ): Promise<Shown> {
    return this.db.inOrg(id, async (tx) => {
      const now = this.clock.now()
      const before = await lockOrganization(tx)
      const since = before.suspendedAt ?? now
      await updateOrganization(
        tx,
        {
          name: rest.name,
          timeZone: rest.timeZone,
          defaultCountry: rest.defaultCountry,
          smsEnabled: channels?.sms,
          whatsappEnabled: channels?.whatsapp,
          suspendedAt: suspended === undefined ? undefined : suspended ? since : null,
          requestsPerMinute: rest.requestsPerMinute,
          requestsPerMinutePerKey: rest.requestsPerMinutePerKey,
        },
        now,
      )
      if (suspended) emitAccessChange(tx, now, {})
      const after = presentOrganization(await getOrganization(tx))
      await recordAudit(tx, caller, {
        action: 'organization.changed',
        subjectId: id,
        at: now,
        before: presentOrganization(before),
        after,
      })
      return after
    })
  }
}
