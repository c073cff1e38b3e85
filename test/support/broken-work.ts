import type { TestService } from './service.js'
import { runSql } from './sql.js'

const rules = `
  SELECT 'above capacity' AS rule, name AS about FROM agents
  WHERE org_id = $1 AND (used_units > capacity_units OR open_sessions > session_limit)
  UNION ALL
  SELECT 'capacity used is not the work held', a.name FROM agents a WHERE a.org_id = $1 AND a.used_units <> (
    SELECT coalesce(sum(c.held_units), 0) FROM conversations c WHERE c.org_id = a.org_id AND c.agent_id = a.id)
  UNION ALL
  SELECT 'offered to two', s.conversation_id::text FROM sessions s WHERE s.org_id = $1 AND s.closed_at IS NULL
  GROUP BY s.conversation_id HAVING count(*) > 1`

/** What must hold at every moment of an organization in which nobody takes more than they have room for, and does not. */
export const brokenWork = (place: Pick<TestService, 'databaseUrl'>, orgId: string): Promise<unknown[]> =>
  runSql(place, rules, [orgId])
