import type { z } from 'zod'
import type { Database } from '../db/database.js'
import { isDuplicate, isReferenceFault } from '../db/faults.js'
import type { PresenceStatus } from '../db/generated/client.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError } from '../lib/errors.js'
import { wakeRouting } from '../workstreams/wake-routing.js'
import { announcePresence } from './presence-changes.js'
import {
  deleteStatus,
  findPresenceSettings,
  getStatus,
  insertStatus,
  limitSessions,
  listStatuses,
  renameStatus,
  savePresenceSettings,
} from './presence-repository.js'
import type { presenceSettingsBody, presenceStatusBody, presenceStatusSchema } from './schemas.js'

type Shown = z.infer<typeof presenceStatusSchema>
type Settings = z.infer<typeof presenceSettingsBody>

const nameTaken = (name: string) =>
  new AppError('conflict', `There is already a presence status with the name "${name}".`)

/** An organization's own names for presences, and what follows from refused and missed offers. */
export class PresenceService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  create(caller: OrgCaller, body: z.infer<typeof presenceStatusBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        const after = present(await insertStatus(tx, body, at))
        await recordAudit(tx, caller, { action: 'presence_status.created', subjectId: after.id, at, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(body.name) : error
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listStatuses(tx, page), page)
      return { data: data.map(present), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => present(await getStatus(tx, id)))
  }

  /** What it stands for is fixed: agents have it now. */
  rename(caller: OrgCaller, id: string, { name }: { name?: string | undefined }): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        await lockRow(tx, 'presence_statuses', id)
        const before = present(await getStatus(tx, id))
        if (name !== undefined) await renameStatus(tx, id, name, at)
        const after = present(await getStatus(tx, id))
        const entry = { action: 'presence_status.changed', subjectId: id, at } as const
        await recordAudit(tx, caller, { ...entry, before, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(name ?? '') : error
      })
  }

  /** Refused while an agent has it. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.db
      .inOrg(caller, async (tx) => {
        await lockRow(tx, 'presence_statuses', id)
        const before = present(await getStatus(tx, id))
        await deleteStatus(tx, id)
        const at = this.clock.now()
        await recordAudit(tx, caller, { action: 'presence_status.deleted', subjectId: id, at, before })
      })
      .catch((error) => {
        throw isReferenceFault(error)
          ? new AppError('conflict', 'This presence status cannot be deleted: an agent has it now.')
          : error
      })
  }

  settings(caller: OrgCaller): Promise<Settings> {
    return this.db.inOrg(caller, findPresenceSettings)
  }

  /** Holds for what is offered, rejected and missed from now on. Whoever has more than a lowered limit keeps it. */
  setSettings(caller: OrgCaller, body: Settings): Promise<Settings> {
    return this.db.inOrg(caller, async (tx) => {
      const before = await findPresenceSettings(tx)
      await savePresenceSettings(tx, body)
      const at = this.clock.now()
      await limitSessions(tx, body.sessionsPerAgent, at)
      await announcePresence(tx, at)
      wakeRouting(tx, at)
      const entry = { action: 'organization.presence_settings_changed', subjectId: caller.orgId, at } as const
      await recordAudit(tx, caller, { ...entry, before, after: body })
      return body
    })
  }
}

const present = (row: PresenceStatus): Shown => ({
  id: row.id,
  name: row.name,
  presence: row.presence as Shown['presence'],
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})
