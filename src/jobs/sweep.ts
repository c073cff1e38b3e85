import type { Database } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { askSystem } from '../db/system.js'
import type { Clock } from '../lib/clock.js'
import { seconds } from '../lib/clock.js'
import { graceAfterLoss, longestSilence } from '../lib/connection-patience.js'
import type { Logger } from '../lib/logger.js'
import type { JobQueues, LaneName } from './job-queues.js'

interface Due {
  lane: LaneName
  orgId: string
}

const interval = seconds(1)

/**
 * Finds what is due and has no job: offers that ran out, conversations to close, retries, and whatever a lost job has
 * left behind. Runs in every worker; a wake too many costs nothing.
 */
export class Sweep {
  private timer: NodeJS.Timeout | null = null
  private running: Promise<void> = Promise.resolve()

  constructor(private readonly parts: { db: Database; jobs: JobQueues; clock: Clock; log: Logger }) {}

  start(): void {
    this.timer = setTimeout(() => {
      this.running = this.once()
        .catch((error) => this.parts.log.warn({ err: error }, 'sweep failed, it repeats'))
        .finally(() => {
          if (this.timer) this.start()
        })
    }, interval)
  }

  async stop(): Promise<void> {
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
    await this.running
  }

  async once(): Promise<void> {
    const due = await askSystem<Due>(this.parts.db, dueNow(this.parts.clock.now()))
    await Promise.all(due.map(({ lane, orgId }) => this.parts.jobs.wake(lane, orgId)))
    await this.knowNewTables()
  }

  /** Statistics of tables that have their first rows: autovacuum takes up to a minute, and plans go wrong meanwhile. */
  private async knowNewTables(): Promise<void> {
    const analyze = Prisma.sql`SELECT analyze_new_table() AS name`
    for (let last: string | null = null; ; ) {
      const [row] = await askSystem<{ name: string | null }>(this.parts.db, analyze)
      // One that it names twice it could not analyze: its owner is not the one who made the function
      if (!row?.name || row.name === last) return
      last = row.name
    }
  }
}

// A flood is no reason to read more: of callbacks and messages that wait, one is read for each organization.
// A start makes all accounts due for "backfill", which no hurry: some organizations at a time.
// "routing" is due where somebody could take something: an open conversation, and an agent who is free. Organizations with
// something in their inbox, and queues with something open, are found from one to the next: not by what is in them.
const dueNow = (now: Date) => Prisma.sql`
  WITH RECURSIVE posted AS (
    (SELECT org_id FROM inbox ORDER BY org_id LIMIT 1)
    UNION ALL
    SELECT (
      SELECT next.org_id FROM inbox next WHERE next.org_id > posted.org_id ORDER BY next.org_id LIMIT 1)
    FROM posted WHERE posted.org_id IS NOT NULL
  ), unsent AS (
    (SELECT org_id, due_at FROM messages WHERE due_at IS NOT NULL ORDER BY org_id, due_at LIMIT 1)
    UNION ALL
    SELECT next.org_id, next.due_at FROM unsent CROSS JOIN LATERAL (
      SELECT m.org_id, m.due_at FROM messages m WHERE m.due_at IS NOT NULL AND m.org_id > unsent.org_id
      ORDER BY m.org_id, m.due_at LIMIT 1) next
  ), waited AS (
    (SELECT org_id, queue_id FROM conversations WHERE status = 'open' AND queue_id IS NOT NULL
     ORDER BY org_id, queue_id LIMIT 1)
    UNION ALL
    SELECT next.org_id, next.queue_id FROM waited CROSS JOIN LATERAL (
      SELECT c.org_id, c.queue_id FROM conversations c
      WHERE c.status = 'open' AND (c.org_id, c.queue_id) > (waited.org_id, waited.queue_id)
      ORDER BY c.org_id, c.queue_id LIMIT 1) next
  ), free AS MATERIALIZED (
    SELECT m.org_id, m.queue_id FROM agents a JOIN queue_members m ON m.org_id = a.org_id AND m.agent_id = a.id
    WHERE a.presence IN ('available', 'busy') AND (a.used_units < a.capacity_units OR (
      SELECT true FROM agent_capacity_profiles p
      WHERE p.org_id = a.org_id AND p.agent_id = a.id AND p.is_assigned AND p.used < p.item_limit LIMIT 1))
      AND a.open_sessions < a.session_limit
  )
  SELECT 'inbound' AS lane, org_id AS "orgId" FROM posted WHERE org_id IS NOT NULL
  UNION ALL
  SELECT 'sending', org_id FROM unsent WHERE due_at <= ${now}
  UNION ALL
  SELECT 'media', org_id FROM media WHERE due_at <= ${now} GROUP BY org_id
  UNION ALL
  SELECT 'timers', org_id FROM conversations WHERE due_at <= ${now} GROUP BY org_id
  UNION ALL
  SELECT 'timers', org_id FROM agent_capacity_profiles WHERE resets_at <= ${now} GROUP BY org_id
  UNION ALL
  SELECT 'timers', org_id FROM agent_connections WHERE seen_at <= ${new Date(now.getTime() - longestSilence)} GROUP BY org_id
  UNION ALL
  SELECT 'timers', org_id FROM agents WHERE connection_lost_at <= ${new Date(now.getTime() - graceAfterLoss)} GROUP BY org_id
  UNION ALL
  SELECT 'timers', org_id FROM agents WHERE work_leaves_at <= ${now} GROUP BY org_id
  UNION ALL
  (SELECT 'backfill', a.org_id FROM channel_accounts a JOIN organizations o ON o.id = a.org_id
   WHERE a.backfill_due_at <= ${now} AND a.deleted_at IS NULL AND o.suspended_at IS NULL GROUP BY a.org_id LIMIT 50)
  UNION ALL
  SELECT 'bulk', org_id FROM bulk_actions WHERE finished_at IS NULL GROUP BY org_id
  UNION ALL
  SELECT 'routing', org_id FROM conversations WHERE status = 'open' AND queue_id IS NULL GROUP BY org_id
  UNION ALL
  SELECT 'routing', org_id FROM conversations WHERE overflow_at <= ${now} GROUP BY org_id
  UNION ALL
  SELECT 'routing', org_id FROM waited JOIN free USING (org_id, queue_id) GROUP BY org_id`
