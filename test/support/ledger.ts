import type { TestService } from './service.js'
import { runSql } from './sql.js'

/** How often a text stands in the database, and what became of it. */
export interface Kept {
  text: string
  direction: 'inbound' | 'outbound'
  status: string
  /** How often agents’ interfaces were told that it came; that nobody knows whether it was sent */
  announced: number
  toldUnknown: number
}

type Place = Pick<TestService, 'databaseUrl'>

/** Messages to and from customers whose texts end in these words, as the database has them, in their order. */
export const keptMessages = (place: Place, ending = ''): Promise<Kept[]> =>
  runSql<Kept>(
    place,
    // Events are read once: there may be thousands of either
    `WITH told AS MATERIALIZED (
       SELECT e.org_id, e.type, e.data->'message'->>'id' AS id, count(*)::int AS times
       FROM events e JOIN outbox o ON o.org_id = e.org_id AND o.id = e.entry AND o.position IS NOT NULL
       WHERE e.type IN ('message.received', 'message.unknown') GROUP BY 1, 2, 3
     )
     SELECT m.text, m.direction, m.status, coalesce(r.times, 0) AS announced, coalesce(u.times, 0) AS "toldUnknown"
     FROM messages m
     LEFT JOIN told r ON r.org_id = m.org_id AND r.id = m.id::text AND r.type = 'message.received'
     LEFT JOIN told u ON u.org_id = m.org_id AND u.id = m.id::text AND u.type = 'message.unknown'
     WHERE m.direction IN ('inbound', 'outbound') AND m.text LIKE $1 ORDER BY m.seq`,
    [`%${ending}`],
  )

/** Whether nothing is under way any more: no callback to work, no event to publish, no message to send or settle. */
export async function isAtRest(place: Place): Promise<boolean> {
  const [row] = await runSql<{ rest: boolean }>(
    place,
    `SELECT NOT EXISTS (SELECT 1 FROM inbox)
       AND NOT EXISTS (SELECT 1 FROM outbox WHERE position IS NULL)
       AND NOT EXISTS (SELECT 1 FROM messages WHERE status IN ('queued', 'sending')) AS rest`,
  )
  return row?.rest === true
}

/**
 * A minute passes while nobody serves: what a dead process was doing counts as left behind, and its jobs are free. As soon
 * as PostgreSQL has noticed that the process is gone.
 */
export async function minutePasses(place: Place): Promise<void> {
  await runSql(
    place,
    `DO $$ BEGIN
       WHILE EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'parley%')
       LOOP PERFORM pg_sleep(0.005); PERFORM pg_stat_clear_snapshot(); END LOOP;
     END $$`,
  )
  await runSql(
    place,
    `UPDATE messages SET sending_at = sending_at - interval '61 s', due_at = due_at - interval '61 s' WHERE status = 'sending'`,
  )
  await runSql(place, `UPDATE idempotency_keys SET locked_until = locked_until - interval '61 s'`)
  await runSql(
    place,
    `DO $$ BEGIN
       IF to_regclass('bullmq.job') IS NOT NULL THEN TRUNCATE bullmq.job, bullmq.dedup, bullmq.dedup_next CASCADE; END IF;
     END $$`,
  )
}
