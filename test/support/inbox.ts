import type { TestService } from './service.js'
import { runSql } from './sql.js'

/** A callback with how it stands: waiting in the inbox, worked, or kept for the admin. */
export interface StandingCallback {
  id: string
  accountId: string
  kind: string
  providerKey: string
  lane: string
  url: string
  contentType: string
  body: string
  state: 'pending' | 'done' | 'set_aside' | 'quarantined'
  reason: string | null
  detail: string | null
  attempts: number
  recovered: boolean
  receivedAt: Date
  /** Of one that waits */
  dueAt: Date | null
}

/** All that an organization has, in the order in which they came. */
export const standingCallbacks = (
  service: Pick<TestService, 'databaseUrl'>,
  orgId: string,
): Promise<StandingCallback[]> =>
  runSql<StandingCallback>(
    service,
    `SELECT c.id, c.account_id AS "accountId", c.kind, c.provider_key AS "providerKey", c.lane, c.url,
       c.content_type AS "contentType", c.body, c.reason, c.detail, c.recovered, c.received_at AS "receivedAt",
       i.due_at AS "dueAt", coalesce(i.attempts, c.attempts) AS attempts,
       CASE WHEN i.seq IS NOT NULL THEN 'pending' WHEN c.state = 'accepted' THEN 'done' ELSE c.state::text END AS state
     FROM callbacks c LEFT JOIN inbox i USING (org_id, seq) WHERE c.org_id = $1 ORDER BY c.seq`,
    [orgId],
  )
