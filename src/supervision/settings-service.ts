import type { z } from 'zod'
import { findSupervisionSettings } from '../conversations/supervision-settings-repository.js'
import type { Database, OrgTx } from '../db/database.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import type { supervisionSettingsBody } from './schemas.js'
import { saveSupervisionSettings } from './settings-repository.js'

type Settings = z.infer<typeof supervisionSettingsBody>

/** What the organization lets its people do with conversations. A change holds from the next call on. */
export class SupervisionSettingsService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  get(caller: OrgCaller): Promise<Settings> {
    return this.db.inOrg(caller.orgId, shown)
  }

  replace(caller: OrgCaller, settings: Settings): Promise<Settings> {
    return this.db.inOrg({ orgId: caller.orgId, lock: 'supervision_settings' }, async (tx) => {
      const before = await shown(tx)
      const at = this.clock.now()
      await saveSupervisionSettings(tx, settings, at)
      await recordAudit(tx, caller, {
        action: 'organization.supervision_set',
        subjectId: caller.orgId,
        at,
        before,
        after: settings,
      })
      return settings
    })
  }
}

async function shown(tx: OrgTx): Promise<Settings> {
  const { monitor, assign, transfer, forceClose, transferToAgents } = await findSupervisionSettings(tx)
  return { monitor, assign, transfer, forceClose, transferToAgents }
}
