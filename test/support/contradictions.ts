import type pg from 'pg'
import { eventually } from './service.js'

/** What must never be in the database, each with the rows that show it. */
export async function contradictions(database: pg.Client): Promise<unknown[]> {
  const queries = {
    'an agent whose used units are not those of their conversations': `
      SELECT a.id FROM agents a WHERE used_units <> (
        SELECT coalesce(sum(c.held_units), 0) FROM conversations c WHERE c.org_id = a.org_id AND c.agent_id = a.id)`,
    'a conversation whose agent and state do not fit': `
      SELECT id FROM conversations WHERE (status = 'active' AND (agent_id IS NULL OR closed_at IS NOT NULL))
        OR (status = 'open' AND held_units > 0) OR ((status = 'closed') <> (closed_at IS NOT NULL))`,
    'a session that runs although nobody has the conversation': `
      SELECT s.id FROM sessions s JOIN conversations c ON c.org_id = s.org_id AND c.id = s.conversation_id
      WHERE s.closed_at IS NULL AND c.status IN ('open', 'closed')`,
    'more sessions of a conversation at the same time than agents who have it or are to take it over': `
      SELECT s.conversation_id FROM sessions s JOIN conversations c ON c.org_id = s.org_id AND c.id = s.conversation_id
      WHERE s.closed_at IS NULL GROUP BY 1, c.transfer_agent_id HAVING count(*) > 1 + (c.transfer_agent_id IS NOT NULL)::int`,
    'a transfer of a conversation that nobody has accepted': `
      SELECT id FROM conversations WHERE transfer_agent_id IS NOT NULL AND (status <> 'active' OR accepted_at IS NULL)`,
    'an organization without its default queue or its built-in workstreams': `
      SELECT o.id FROM organizations o WHERE (SELECT count(*) FROM queues q WHERE q.org_id = o.id AND is_default) <> 1
        OR (SELECT count(*) FROM workstreams w WHERE w.org_id = o.id AND is_built_in) <> 2`,
    'a stored file without its content': `
      SELECT m.id FROM media m WHERE status = 'stored' AND NOT EXISTS (
        SELECT FROM media_contents c WHERE c.org_id = m.org_id AND c.media_id = m.id)`,
    'a message that says it has files and has none': `
      SELECT m.id FROM messages m WHERE has_media <> EXISTS (
        SELECT FROM media f WHERE f.org_id = m.org_id AND f.message_id = m.id)`,
    'a call under an idempotency key that never ended': `
      SELECT key FROM idempotency_keys WHERE status IS NULL`,
    'rules with a gap in their order': `
      SELECT workstream_id FROM routing_rules GROUP BY org_id, 1 HAVING max(position) - min(position) + 1 <> count(*)`,
    'a number that is deleted and at work': `
      SELECT n.id FROM channel_numbers n JOIN workstream_channels w ON w.org_id = n.org_id AND w.number_id = n.id
      WHERE n.deleted_at IS NOT NULL`,
  }
  // Routing and sending go on while this looks: what contradicts only in passing is none
  const look = async () => {
    const found: unknown[] = []
    for (const [what, sql] of Object.entries(queries)) {
      const { rows } = await database.query(sql)
      if (rows.length > 0) found.push([what, rows.slice(0, 3)])
    }
    return found
  }
  return eventually(look, (found) => found.length === 0, 5000).catch(look)
}
