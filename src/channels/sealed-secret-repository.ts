import type { Database, OrgTx } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { askSystem } from '../db/system.js'

/** The sealed secrets of one account, of whatever organization. */
export interface SealedAccount {
  orgId: string
  id: string
  secret: string
  previousSecret: string | null
}

/** Accounts of all organizations after one of them, deleted ones included: what they have under way is still settled. */
export function listSealed(
  db: Database,
  after: Pick<SealedAccount, 'orgId' | 'id'> | null,
  limit: number,
): Promise<SealedAccount[]> {
  const start = after
    ? Prisma.sql`WHERE (org_id, id) > (${after.orgId}::uuid, ${after.id}::uuid)`
    : Prisma.empty
  return askSystem<SealedAccount>(
    db,
    Prisma.sql`
      SELECT org_id AS "orgId", id, secret, previous_secret AS "previousSecret" FROM channel_accounts ${start}
      ORDER BY org_id, id LIMIT ${limit}`,
  )
}

/** Only if both are still the ones that were read: the admin may be changing them at this moment. False if not. */
export async function replaceSealed(
  tx: OrgTx,
  { id, secret, previousSecret }: SealedAccount,
  renewed: Pick<SealedAccount, 'secret' | 'previousSecret'>,
): Promise<boolean> {
  const { count } = await tx.channelAccount.updateMany({
    where: { id, secret, previousSecret },
    data: renewed,
  })
  return count === 1
}

/** How many stored values each key has sealed, by the key's id. */
export async function countByKey(db: Database): Promise<Map<string, number>> {
  const rows = await askSystem<{ key: string; count: number }>(
    db,
    Prisma.sql`
      SELECT split_part(value, '.', 1) AS key, count(*)::int AS count
      FROM channel_accounts, unnest(ARRAY[secret, previous_secret]) AS value WHERE value IS NOT NULL GROUP BY 1`,
  )
  return new Map(rows.map(({ key, count }) => [key, count]))
}
