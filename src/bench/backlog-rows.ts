import type pg from 'pg'
import { newId } from '../lib/ids.js'

export const agentsOfBacklog = 500
const queues = 50
const capacityUnits = 10

/** A new organization that is suspended, with its agents full, and so many conversations that wait in its queues. */
export async function loadBacklog(database: pg.Client, waiting: number): Promise<string> {
  const orgId = newId()
  const at = new Date()
  await database.query(
    `INSERT INTO organizations (id, name, suspended_at, created_at, updated_at) VALUES ($1, 'Backlog', $2, $2, $2)`,
    [orgId, at],
  )
  await database.query(
    `INSERT INTO queues (org_id, id, name, is_default, created_at, updated_at)
     SELECT $1, gen_random_uuid(), 'Queue ' || n, n = 0, $2, $2 FROM generate_series(0, ${queues - 1}) n`,
    [orgId, at],
  )
  await database.query(
    `INSERT INTO workstreams (org_id, id, name, channel, distribution, is_built_in, auto_close_after_minutes,
       fallback_queue_id, created_at, updated_at)
     SELECT $1, gen_random_uuid(), 'SMS', 'sms', 'push', true, 1440, id, $2, $2 FROM queues WHERE org_id = $1 AND is_default`,
    [orgId, at],
  )
  await database.query(
    `INSERT INTO channel_accounts (org_id, id, name, channel, provider, provider_account_id, secret, secret_last_four,
       callback_token, created_at, updated_at)
     VALUES ($1, gen_random_uuid(), 'Twilio', 'sms', 'twilio', 'AC', 'none', 'none', 'backlog-' || $1::uuid, $2, $2)`,
    [orgId, at],
  )
  await database.query(
    `INSERT INTO channel_numbers (org_id, id, account_id, channel, address, messages_per_second, created_at, updated_at)
     SELECT $1, gen_random_uuid(), id, 'sms', '+14255550100', 1, $2, $2 FROM channel_accounts WHERE org_id = $1`,
    [orgId, at],
  )
  await database.query(
    `INSERT INTO agents (org_id, id, name, email, role, capacity_units, used_units, open_sessions, session_limit, presence, presence_changed_at, created_at, updated_at)
     SELECT $1, gen_random_uuid(), 'Agent ' || n, 'agent-' || n || '@backlog.example', 'agent', ${capacityUnits}, ${capacityUnits},
       ${capacityUnits}, ${capacityUnits},
       'available', $2, $2, $2 FROM generate_series(0, ${agentsOfBacklog - 1}) n`,
    [orgId, at],
  )
  // Each in two queues
  await database.query(
    `INSERT INTO queue_members (org_id, queue_id, agent_id, created_at)
     SELECT a.org_id, q.id, a.id, a.created_at
     FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM agents WHERE org_id = $1) a
     JOIN (SELECT *, row_number() OVER (ORDER BY id) AS n FROM queues WHERE org_id = $1) q
       ON q.n - 1 IN (a.n % ${queues}, (a.n + 7) % ${queues})`,
    [orgId],
  )
  await database.query(addConversations, [orgId, at, waiting])
  return orgId
}

const addConversations = `
  INSERT INTO conversations (org_id, id, status, status_reason, channel, provider, account_id, number_id, business_number,
    customer_address, language, authenticated, workstream_id, queue_id, queued_at, first_text, created_at, status_updated_at,
    last_inbound_at, last_message_at, active_at, closes_at, due_at)
  SELECT $1, gen_random_uuid(), 'open', 'awaiting_agent_assignment', 'sms', 'twilio', number.account_id, number.id, number.address,
    '+1206' || (2000000 + n), 'en-US', false, workstream.id, queue.id, moment.at, 'Hello', moment.at, moment.at, moment.at, moment.at,
    date_bin('10 minutes', moment.at, '2000-01-01T00:00:00Z'), moment.at + interval '30 days', moment.at + interval '30 days'
  FROM generate_series(1, $3::int) n
  CROSS JOIN LATERAL (SELECT date_trunc('milliseconds', $2::timestamptz + n * interval '10 milliseconds') AS at) moment
  JOIN channel_numbers number ON number.org_id = $1
  JOIN workstreams workstream ON workstream.org_id = $1
  JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM queues WHERE org_id = $1) queue ON queue.place = n % ${queues}`

/** How many still wait. */
export async function countWaiting(database: pg.Client, orgId: string): Promise<number> {
  const { rows } = await database.query<{ waiting: string }>(
    `SELECT count(*) AS waiting FROM conversations WHERE org_id = $1 AND status = 'open'`,
    [orgId],
  )
  return Number(rows[0]?.waiting)
}
