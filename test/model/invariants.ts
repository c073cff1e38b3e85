import { expect } from 'vitest'
import { type Model, sessionsPerAgent, type World } from './world.js'

interface Broken {
  rule: string
  about: string
}

/** What must hold at every moment, whatever is under way: in one statement, so that it is one moment. */
const rules = `
  SELECT 'the capacity used is the work held' AS rule, a.id || ': ' || a.used_units || ' used' AS about
  FROM agents a WHERE a.org_id = $1 AND a.used_units <>
    (SELECT coalesce(sum(c.held_units), 0) FROM conversations c WHERE c.org_id = a.org_id AND c.agent_id = a.id)
  UNION ALL
  SELECT 'nobody is above their limit but by a person''s choice', a.id::text
  FROM agents a WHERE a.org_id = $1 AND a.used_units > a.capacity_units + a.overcommitted_units
  UNION ALL
  SELECT 'an agent’s sessions are the conversations that hold capacity of theirs', a.id || ': ' || a.open_sessions
  FROM agents a WHERE a.org_id = $1 AND a.open_sessions <> (
    SELECT count(*) FROM conversations c
    WHERE c.org_id = a.org_id AND c.agent_id = a.id AND (c.held_units > 0 OR c.held_profile_ids <> '{}'))
  UNION ALL
  SELECT 'nobody has more sessions than they may but by a supervisor''s override', a.id || ': ' || a.open_sessions
  FROM agents a WHERE a.org_id = $1 AND a.open_sessions - (
    SELECT count(*) FROM conversations c
    WHERE c.org_id = a.org_id AND c.agent_id = a.id AND (c.held_units > 0 OR c.held_profile_ids <> '{}')
      AND (SELECT s.happening FROM status_changes s WHERE s.org_id = c.org_id AND s.conversation_id = c.id
             AND s.happening IN ('offered', 'picked', 'resumed', 'assigned', 'transfer_accepted')
           ORDER BY s.id DESC LIMIT 1) = 'assigned') > $2
  UNION ALL
  SELECT 'what is active has one live session besides that of a pending transfer, that of its agent; what is open has none', c.id || ': ' || c.status
  FROM conversations c
  WHERE c.org_id = $1 AND (
    (c.status = 'active' AND (SELECT array_agg(s.agent_id) FROM sessions s
       WHERE s.org_id = c.org_id AND s.conversation_id = c.id AND s.closed_at IS NULL
         AND s.agent_id IS DISTINCT FROM c.transfer_agent_id) IS DISTINCT FROM ARRAY[c.agent_id])
    OR (c.status IN ('open', 'closed') AND EXISTS (SELECT 1 FROM sessions s
       WHERE s.org_id = c.org_id AND s.conversation_id = c.id AND s.closed_at IS NULL)))
  UNION ALL
  SELECT 'a customer has one live conversation with a number', customer_address
  FROM conversations WHERE org_id = $1 AND status IN ('open', 'active', 'waiting')
  GROUP BY customer_address, business_number, channel HAVING count(*) > 1
  UNION ALL
  SELECT 'whoever takes part does so in a live session', p.conversation_id || ': ' || p.mode
  FROM participants p JOIN sessions s ON s.org_id = p.org_id AND s.id = p.session_id
  WHERE p.org_id = $1 AND p.left_at IS NULL AND s.closed_at IS NOT NULL
  UNION ALL
  SELECT 'a conversation knows who takes part', c.id::text
  FROM conversations c WHERE c.org_id = $1 AND
    ARRAY(SELECT p.agent_id FROM participants p WHERE p.org_id = c.org_id AND p.conversation_id = c.id
      AND p.left_at IS NULL AND p.joined_at IS NOT NULL ORDER BY 1) <> ARRAY(SELECT unnest(c.participant_ids) ORDER BY 1)
  UNION ALL
  SELECT 'a bulk action says what became of each of its conversations', b.id::text
  FROM bulk_actions b WHERE b.org_id = $1 AND (b.done, b.failed) <> (
    SELECT count(*) FILTER (WHERE i.status = 'done'), count(*) FILTER (WHERE i.status = 'failed')
    FROM bulk_action_items i WHERE i.org_id = b.org_id AND i.bulk_action_id = b.id)
  UNION ALL
  SELECT 'what a bulk action has sent was sent once', b.id::text
  FROM bulk_actions b WHERE b.org_id = $1 AND b.action ->> 'type' = 'message_customer' AND b.done <> (
    SELECT count(*) FROM messages m WHERE m.org_id = b.org_id AND m.text = b.action ->> 'text')
  UNION ALL
  SELECT 'what is open says why, and nobody has it', id::text
  FROM conversations WHERE org_id = $1 AND status = 'open' AND (agent_id IS NOT NULL OR status_reason IS NULL)`

/** Throws with what is broken. */
export async function checkMoment(world: World, model: Model): Promise<void> {
  const { sql } = world.ground
  const broken = (await sql.query<Broken>(rules, [world.org.id, sessionsPerAgent])).rows
  const closed = await sql.query<{ id: string; at: Date }>(
    `SELECT id, status_updated_at AS at FROM conversations WHERE org_id = $1 AND status = 'closed'`,
    [world.org.id],
  )
  const seen = new Map(closed.rows.map(({ id, at }) => [id, at.toISOString()]))
  for (const [id, at] of model.closed)
    if (seen.get(id) !== at) broken.push({ rule: 'a closed conversation never moves', about: id })
  for (const [id, at] of seen) model.closed.set(id, at)
  expect(broken).toEqual([])
}

/** When nothing is under way any more: every text is there, once, in order; every reply has an outcome; what is open is queued. */
export async function checkEnd(world: World, model: Model): Promise<void> {
  await checkMoment(world, model)
  const { sql } = world.ground
  const { rows } = await sql.query<{ customer: string; text: string }>(
    `SELECT c.customer_address AS customer, m.text FROM messages m
       JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
     WHERE m.org_id = $1 AND m.direction = 'inbound' ORDER BY m.seq`,
    [world.org.id],
  )
  const kept = new Map<string, string[]>()
  for (const { customer, text } of rows) kept.set(customer, [...(kept.get(customer) ?? []), text])
  expect(kept).toEqual(model.written)
  const { rows: replies } = await sql.query<{ id: string; status: string }>(
    `SELECT id, status::text FROM messages WHERE org_id = $1 AND direction = 'outbound' AND status IN ('queued', 'sending')
       OR org_id = $1 AND direction = 'outbound' AND id = ANY ($2)`,
    [world.org.id, [...model.replies]],
  )
  expect(replies.filter(({ status }) => ['queued', 'sending'].includes(status))).toEqual([])
  expect(replies).toHaveLength(model.replies.size)
  const { rows: gone } = await sql.query(
    `SELECT c.id FROM agents a JOIN conversations c ON c.org_id = a.org_id AND c.agent_id = a.id
     WHERE a.org_id = $1 AND a.work_leaves_at <= $2 AND c.status = 'active' AND c.accepted_at IS NOT NULL
       AND c.transfer_agent_id IS NULL`,
    [world.org.id, world.ground.clock.now()],
  )
  expect(gone).toEqual([])
  const { rows: lost } = await sql.query(
    `SELECT id FROM conversations WHERE org_id = $1 AND status = 'open' AND queue_id IS NULL`,
    [world.org.id],
  )
  expect(lost).toEqual([])
}
