import type { OrgTx } from '../db/database.js'
import type { AccessKey } from '../db/generated/client.js'
import type { Role } from '../lib/caller.js'
import { newId } from '../lib/ids.js'
import { newToken, sha256 } from '../lib/tokens.js'

interface NewKey {
  kind: 'api_key' | 'agent_token'
  name: string
  role: Role
  permissions?: string[]
  agentId?: string | null
  expiresAt?: Date | null
  now: Date
}

const beginnings = { api_key: 'parley_key_', agent_token: 'parley_agt_' } as const
const shownLength = 16

/** Whether it may be one of ours: spares the database a look-up for anything else. */
export const looksLikeKey = (token: string): boolean =>
  Object.values(beginnings).some((beginning) => token.startsWith(beginning))

/** Makes a key or token and stores its hash. `key` is what its owner gets to see, this once. */
export async function issueKey(tx: OrgTx, wanted: NewKey): Promise<{ row: AccessKey; key: string }> {
  const { kind, name, role, permissions = [], agentId = null, expiresAt = null, now } = wanted
  const key = beginnings[kind] + newToken()
  const row = await tx.accessKey.create({
    data: {
      orgId: tx.orgId,
      id: newId(),
      kind,
      name,
      role,
      permissions,
      agentId,
      prefix: key.slice(0, shownLength),
      hash: sha256(key),
      expiresAt,
      createdAt: now,
    },
  })
  return { row, key }
}

/** An agent's tokens carry the agent's role: they follow when it changes. */
export async function changeTokenRole(tx: OrgTx, agentId: string, role: Role): Promise<void> {
  await tx.accessKey.updateMany({ where: { agentId, kind: 'agent_token' }, data: { role } })
}
