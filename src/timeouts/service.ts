import type { z } from 'zod'
import type { Database } from '../db/database.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { getWorkstream, lockWorkstream } from '../workstreams/repository.js'
import {
  presentClosingTimes,
  presentTimeoutRules,
  type ShownClosingTimes,
  type ShownRule,
  type ShownRules,
} from './present.js'
import { listClosingTimes, listTimeoutRules, replaceTimeoutRules, saveClosingTimes } from './repository.js'
import type { closingTimesBody, timeoutRulesBody } from './schemas.js'

const unitMinutes = { minutes: 1, hours: 60, days: 1440 }

/** When conversations close by themselves, and what is done about silence. */
export class TimeoutService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  closingTimes(caller: OrgCaller): Promise<ShownClosingTimes> {
    return this.db.inOrg(caller, async (tx) => presentClosingTimes(await listClosingTimes(tx)))
  }

  /** New times hold from the next change of a conversation's status; until then it closes when it said it would. */
  setClosingTimes(caller: OrgCaller, body: z.infer<typeof closingTimesBody>): Promise<ShownClosingTimes> {
    return this.db.inOrg(caller, async (tx) => {
      const at = this.clock.now()
      const before = presentClosingTimes(await listClosingTimes(tx))
      await saveClosingTimes(tx, 'sms', body.sms)
      await saveClosingTimes(tx, 'whatsapp', body.whatsapp)
      const after = presentClosingTimes(await listClosingTimes(tx))
      const entry = { action: 'organization.closing_times_changed', subjectId: caller.orgId, at } as const
      await recordAudit(tx, caller, { ...entry, before, after })
      return after
    })
  }

  rules(caller: OrgCaller, workstreamId: string): Promise<ShownRules> {
    return this.db.inOrg(caller, async (tx) => {
      await getWorkstream(tx, workstreamId)
      return presentTimeoutRules(await listTimeoutRules(tx, [workstreamId]))
    })
  }

  /**
   * Puts the whole list in place of the one before. It holds from the next message of a conversation on; a silence that
   * was being counted is looked at when it would have been, by the rules as they are then.
   */
  replaceRules(
    caller: OrgCaller,
    workstreamId: string,
    { rules }: z.infer<typeof timeoutRulesBody>,
  ): Promise<ShownRules> {
    return this.db.inOrg(caller, async (tx) => {
      await lockWorkstream(tx, workstreamId)
      const at = this.clock.now()
      const before = presentTimeoutRules(await listTimeoutRules(tx, [workstreamId]))
      await replaceTimeoutRules(tx, workstreamId, rules.map(stored))
      const after = presentTimeoutRules(await listTimeoutRules(tx, [workstreamId]))
      const entry = { action: 'workstream.timeout_rules_replaced', subjectId: workstreamId, at } as const
      await recordAudit(tx, caller, { ...entry, before, after })
      return after
    })
  }
}

const stored = ({ name, active, event, after, action, priority }: ShownRule) => ({
  name,
  isActive: active,
  event,
  afterValue: after.value,
  afterUnit: after.unit,
  afterMinutes: after.value * unitMinutes[after.unit],
  priority,
  action,
})
