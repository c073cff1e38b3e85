import type { OrgTx } from '../db/database.js'
import { emit } from '../events/outbox.js'

/** Lets routing look at the organization once this has committed: where work may go has changed. */
export const wakeRouting = (tx: OrgTx, now: Date): void =>
  emit(tx, [{ type: 'routing.wanted', at: now, queueId: null, agentIds: [], data: {} }])
