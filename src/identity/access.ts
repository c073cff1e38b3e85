import type { Database } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import type { Caller, OrgCaller, Origin, Role } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError } from '../lib/errors.js'
import { equalSecrets, sha256 } from '../lib/tokens.js'
import { looksLikeKey } from './keys.js'

interface Parts {
  db: Database
  clock: Clock
  platformApiKey: string
}

interface FoundKey {
  orgId: string
  id: string
  role: Role
  permissions: string[]
  agentId: string | null
  agentName: string | null
  isSuspended: boolean
  requestsPerMinute: number | null
  requestsPerMinutePerKey: number | null
}

/**
 * Tells whose token it is. It is looked up by its hash on every call, so that a revocation takes effect at once. Answers
 * null for an unknown, expired or revoked one; throws `organization_suspended` for one of a suspended organization.
 */
export function createAuthenticate({
  db,
  clock,
  platformApiKey,
}: Parts): (token: string, origin: Origin) => Promise<Caller | null> {
  return async (token, origin) => {
    if (equalSecrets(token, platformApiKey)) return { kind: 'platform', origin }
    if (!looksLikeKey(token)) return null
    const [key] = await db.call<FoundKey>(
      Prisma.sql`SELECT * FROM find_caller(${sha256(token)}, ${clock.now()})`,
    )
    if (!key) return null
    if (key.isSuspended) {
      throw new AppError('organization_suspended', 'This organization is suspended. Ask its operator.')
    }
    return callerOf(key, origin)
  }
}

const callerOf = (
  { orgId, id, role, permissions, agentId, agentName, ...key }: FoundKey,
  origin: Origin,
): OrgCaller => ({
  kind: 'organization',
  orgId,
  keyId: id,
  role,
  permissions,
  agentId,
  agentName,
  origin,
  requestsPerMinute: { organization: key.requestsPerMinute, key: key.requestsPerMinutePerKey },
})
