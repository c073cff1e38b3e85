import type { Database } from '../db/database.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { wakeRouting } from '../workstreams/wake-routing.js'
import { findRoutingSettings, type RoutingSettings, saveRoutingSettings } from './settings-repository.js'

/** What an organization decides about routing as a whole. It counts from the next pass on, also for what waits already. */
export class RoutingSettingsService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  get(caller: OrgCaller): Promise<RoutingSettings> {
    return this.db.inOrg(caller, findRoutingSettings)
  }

  replace(caller: OrgCaller, after: RoutingSettings): Promise<RoutingSettings> {
    return this.db.inOrg(caller, async (tx) => {
      const at = this.clock.now()
      const before = await findRoutingSettings(tx)
      await saveRoutingSettings(tx, after, at)
      wakeRouting(tx, at)
      await recordAudit(tx, caller, {
        action: 'organization.routing_settings_changed',
        subjectId: caller.orgId,
        at,
        before,
        after,
      })
      return after
    })
  }
}
