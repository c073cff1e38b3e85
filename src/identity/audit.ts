import type { OrgTx } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import type { Caller } from '../lib/caller.js'
import { newId } from '../lib/ids.js'
import { sha256 } from '../lib/tokens.js'
import type { AuditAction } from './audit-actions.js'

export interface AuditEntry {
  action: AuditAction
  /** Of the thing whose kind begins the action */
  subjectId: string
  at: Date
  /** As callers see it, without secrets and without what customers and agents said; null where there was none */
  before?: object | null
  after?: object | null
}

/**
 * Writes who did what, in the transaction of the change or of the reading: there is neither without its entry. The name
 * of a key is read as it is now.
 */
export async function recordAudit(
  tx: OrgTx,
  caller: Caller,
  { action, subjectId, at, before = null, after = null }: AuditEntry,
): Promise<void> {
  const { requestId, address, forwardedFor, userAgent } = caller.origin
  await tx.$executeRaw`
    INSERT INTO audit_log (org_id, id, at, action, subject_id, actor_kind, actor_id, key_id, role, actor_name,
      request_id, address, forwarded_for, user_agent, before, after)
    SELECT ${tx.orgId}::uuid, ${newId()}::uuid, ${at}, ${action}, ${subjectId}::uuid, who.kind::audit_actor, who.id,
      who.key_id, who.role, who.name, ${requestId}::uuid, ${address}, ${forwardedFor}, ${userAgent},
      ${kept(before)}::jsonb, ${kept(after)}::jsonb
    FROM (${actor(caller)}) AS who`
}

function actor(caller: Caller): Prisma.Sql {
  if (caller.kind === 'platform') {
    return Prisma.sql`SELECT 'platform' AS kind, NULL::uuid AS id, NULL::uuid AS key_id, NULL::role AS role, 'Platform' AS name`
  }
  const { orgId, keyId, role, agentName } = caller
  return Prisma.sql`
    SELECT kind::text, coalesce(agent_id, id) AS id, id AS key_id, ${role}::role AS role, coalesce(${agentName}, name) AS name
    FROM access_keys WHERE org_id = ${orgId}::uuid AND id = ${keyId}::uuid`
}

const mostKept = 64 * 1024

/** A page of entries must not fill the memory: of what is very large only size and digest are kept. */
function kept(state: object | null): string | null {
  if (state === null) return null
  const json = JSON.stringify(state)
  return json.length <= mostKept
    ? json
    : JSON.stringify({ tooLarge: { characters: json.length, sha256: sha256(json) } })
}
