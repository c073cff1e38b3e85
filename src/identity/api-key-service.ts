import type { z } from 'zod'
import type { Database } from '../db/database.js'
import { isReferenceFault } from '../db/faults.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { emitAccessChange } from '../events/outbox.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { recordAudit } from './audit.js'
import { issueKey } from './keys.js'
import { presentKey } from './present.js'
import { getKey, listKeys, revokeKey } from './repository.js'
import type { apiKeySchema, createApiKeyBody, newApiKeySchema } from './schemas.js'

/** An organization's keys. Agents' tokens are listed and revoked here too. */
export class ApiKeyService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Only who may write provider secrets can let a new key do so. */
  create(
    caller: OrgCaller,
    { name, role, permissions, agentId = null }: z.infer<typeof createApiKeyBody>,
  ): Promise<z.infer<typeof newApiKeySchema>> {
    const missing = permissions.find((permission) => !caller.permissions.includes(permission))
    if (missing) {
      throw new AppError(
        'forbidden',
        `Your key does not have the permission ${missing}, so it cannot grant it.`,
      )
    }
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        const { row, key } = await issueKey(tx, { kind: 'api_key', name, role, permissions, agentId, now })
        const shown = presentKey(row)
        await recordAudit(tx, caller, { action: 'api_key.created', subjectId: row.id, at: now, after: shown })
        return { ...shown, key }
      })
      .catch((error) => {
        throw isReferenceFault(error) ? invalidField('agentId', 'There is no such agent.') : error
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<z.infer<typeof apiKeySchema>>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listKeys(tx, page), page)
      return { data: data.map(presentKey), nextCursor }
    })
  }

  /** The key stops working with the next call, also where it is the one that makes this call; its streams end. */
  revoke(caller: OrgCaller, id: string): Promise<void> {
    return this.db.inOrg(caller, async (tx) => {
      const at = this.clock.now()
      await lockRow(tx, 'access_keys', id)
      const before = presentKey(await getKey(tx, id))
      await revokeKey(tx, id, at)
      const after = presentKey(await getKey(tx, id))
      await recordAudit(tx, caller, { action: 'api_key.revoked', subjectId: id, at, before, after })
      emitAccessChange(tx, at, { keyId: id })
    })
  }
}
