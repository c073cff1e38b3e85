import type { Database, OrgTx } from '../db/database.js'
import { type ChannelAccount, Prisma, type ProviderName } from '../db/generated/client.js'
import { askSystem } from '../db/system.js'
import { updateAccount } from './account-repository.js'
import type { NewCallback } from './callback-repository.js'

/** Has the lists of all accounts read at this moment, or earlier where that is due anyway. */
export async function readAllAt(
  db: Database,
  providers: readonly ProviderName[],
  dueAt: Date,
): Promise<void> {
  await askSystem(
    db,
    Prisma.sql`
      UPDATE channel_accounts SET backfill_due_at = ${dueAt}
      WHERE provider::text = ANY(${[...providers]}) AND deleted_at IS NULL
        AND (backfill_due_at IS NULL OR backfill_due_at > ${dueAt})`,
  )
}

/** The account whose list has been due for longest; until the lease ends, nobody else takes it. */
export async function takeDueAccount(
  tx: OrgTx,
  { now, lease }: { now: Date; lease: Date },
): Promise<ChannelAccount | null> {
  const [due] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM channel_accounts
    WHERE org_id = ${tx.orgId}::uuid AND deleted_at IS NULL AND backfill_due_at <= ${now}
    ORDER BY backfill_due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`
  if (!due) return null
  await updateAccount(tx, due.id, { backfillDueAt: lease })
  return tx.channelAccount.findFirst({ where: { id: due.id } })
}

/** The next reading, unless a start has asked for another one meanwhile. */
export async function setNextReading(
  tx: OrgTx,
  { id, lease }: { id: string; lease: Date },
  backfillDueAt: Date,
): Promise<void> {
  await tx.channelAccount.updateMany({ where: { id, backfillDueAt: lease }, data: { backfillDueAt } })
}

/**
 * Which of these ids came in a callback already, to whichever of the organization's accounts at this provider account:
 * a number may have moved from one to another.
 */
export async function findKnownKeys(
  tx: OrgTx,
  { id, provider, providerAccountId }: ChannelAccount,
  keys: readonly string[],
): Promise<Set<string>> {
  const same = await tx.channelAccount.findMany({
    where: { OR: [{ id }, { provider, providerAccountId }] },
    select: { id: true },
  })
  const accountIds = same.map((account) => account.id)
  // One index look-up for each key and account, whatever the planner believes about a table that is new
  const rows = await tx.$queryRaw<{ key: string }[]>`
    SELECT k.key FROM unnest(${[...keys]}::text[]) AS k(key), unnest(${accountIds}::uuid[]) AS a(id)
    WHERE (
      SELECT c.id FROM callbacks c WHERE c.org_id = ${tx.orgId}::uuid AND c.account_id = a.id AND c.provider_key = k.key
        AND c.kind = 'message' AND c.state IN ('accepted', 'set_aside')) IS NOT NULL`
  return new Set(rows.map(({ key }) => key))
}

/**
 * Puts messages into the inbox as if their callbacks had come, in this order, and answers how many there were that had
 * not come at the same moment. Numbered first and stored sorted, as `store_callbacks` does it, so that the two never
 * deadlock.
 */
export async function storeRecovered(
  tx: OrgTx,
  callbacks: readonly NewCallback[],
  now: Date,
): Promise<number> {
  const batch = JSON.stringify(callbacks.map((callback, ordinal) => ({ ...callback, ordinal })))
  return tx.$executeRaw`
    WITH numbered AS MATERIALIZED (
      SELECT listed.*, nextval('callbacks_seq_seq') AS seq FROM (
        SELECT * FROM jsonb_to_recordset(${batch}::jsonb) AS b(ordinal int, "accountId" uuid, id uuid, kind callback_kind,
          key text, lane text, url text, "contentType" text, body text, "receivedAt" timestamptz) ORDER BY ordinal) listed
    ), stored AS (
      INSERT INTO callbacks (org_id, id, seq, account_id, kind, provider_key, lane, url, content_type, body, state,
        received_at, stored_at, recovered)
      SELECT ${tx.orgId}::uuid, id, seq, "accountId", kind, key, lane, url, "contentType", body, 'accepted',
        "receivedAt", ${now}, true
      FROM numbered ORDER BY "accountId", kind, key
      ON CONFLICT (org_id, account_id, provider_key, kind) WHERE state IN ('accepted', 'set_aside') DO NOTHING
      RETURNING org_id, seq, id, lane, stored_at
    )
    INSERT INTO inbox (org_id, seq, callback_id, lane, stored_at, due_at)
    SELECT org_id, seq, id, lane, stored_at, stored_at FROM stored`
}
