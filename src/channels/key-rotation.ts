import type { Database } from '../db/database.js'
import type { SecretBox } from '../lib/secret-box.js'
import { countByKey, listSealed, replaceSealed, type SealedAccount } from './sealed-secret-repository.js'

/** An account with a value that no known key opens. */
export interface ClosedAccount {
  orgId: string
  accountId: string
  /** For people; never the value */
  reason: string
}

export interface Rotation {
  accounts: number
  /** Accounts with at least one value that got another key */
  renewed: number
  closed: ClosedAccount[]
  /** How many stored values each key has sealed, by the key's id, when all was done */
  valuesByKey: Map<string, number>
}

const batchSize = 200

/**
 * Seals every stored secret with the newest key, while the service runs. Each account is a unit of work of its own, which
 * changes nothing where the account has changed since it was read; passes are made until one finds nothing to do. One
 * that was broken off goes on where it was when it is begun again.
 *
 * @param onProgress after each batch of a pass: accounts looked at in it, and accounts renewed in all
 */
export async function rotateKeys(
  db: Database,
  secretBox: SecretBox,
  onProgress: (accounts: number, renewed: number) => void = () => undefined,
): Promise<Rotation> {
  const renewed = new Set<string>()
  for (;;) {
    const outcomes: Outcome[] = []
    for await (const batch of batchesOf(db)) {
      for (const account of batch) {
        const outcome = await renew(db, secretBox, account)
        if (outcome === 'renewed') renewed.add(account.id)
        outcomes.push(outcome)
      }
      onProgress(outcomes.length, renewed.size)
    }
    const closed = outcomes.filter((outcome) => typeof outcome === 'object')
    if (outcomes.every((outcome) => outcome === 'current' || typeof outcome === 'object')) {
      const valuesByKey = await countByKey(db)
      return { accounts: outcomes.length, renewed: renewed.size, closed, valuesByKey }
    }
  }
}

type Outcome = 'current' | 'renewed' | 'changed meanwhile' | ClosedAccount

async function* batchesOf(db: Database): AsyncGenerator<SealedAccount[]> {
  let batch = await listSealed(db, null, batchSize)
  while (batch.length > 0) {
    yield batch
    batch = await listSealed(db, batch.at(-1) ?? null, batchSize)
  }
}

async function renew(db: Database, secretBox: SecretBox, account: SealedAccount): Promise<Outcome> {
  const { orgId, id, secret, previousSecret } = account
  const under = (sealed: string) => secretBox.renew(sealed, id)
  let next: Pick<SealedAccount, 'secret' | 'previousSecret'>
  try {
    next = { secret: under(secret), previousSecret: previousSecret && under(previousSecret) }
  } catch (error) {
    return { orgId, accountId: id, reason: error instanceof Error ? error.message : 'unknown' }
  }
  const sealed = [secret, previousSecret]
  if ([next.secret, next.previousSecret].every((value, index) => value === sealed[index])) return 'current'
  const isRenewed = await db.inOrg(orgId, (tx) => replaceSealed(tx, account, next))
  return isRenewed ? 'renewed' : 'changed meanwhile'
}
