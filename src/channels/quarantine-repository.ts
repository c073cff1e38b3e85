import type { OrgTx } from '../db/database.js'
import { type CallbackKind, type CallbackState, Prisma, type ProviderName } from '../db/generated/client.js'
import { idPattern, type PageRequest, readCursor } from '../db/page.js'
import { days, later } from '../lib/clock.js'
import { notFound } from '../lib/errors.js'
import type { NewCallback } from './callback-repository.js'

/** A callback that was kept for the admin: quarantined, or set aside by the worker. */
export interface KeptCallback {
  id: string
  accountId: string
  provider: ProviderName
  kind: CallbackKind
  state: CallbackState
  reason: string | null
  detail: string | null
  providerKey: string
  url: string
  contentType: string
  body: string
  attempts: number
  receivedAt: Date
}

/** Of one account; the oldest go first. */
export const quarantineBound = 200
const quarantineDays = 7

type Quarantined = Omit<NewCallback, 'orgId' | 'accountId' | 'version'> & { reason: string; detail: string }

/**
 * Adds callbacks whose signature failed, one per provider id, within the bounds of the quarantine, and counts those
 * that it had to let go.
 *
 * @param callbacks oldest first
 * @param refused how many more there were, which nobody kept
 */
export async function quarantineCallbacks(
  tx: OrgTx,
  accountId: string,
  { callbacks, refused }: { callbacks: readonly Quarantined[]; refused: number },
  now: Date,
): Promise<void> {
  const account = Prisma.sql`org_id = ${tx.orgId}::uuid AND account_id = ${accountId}::uuid`
  // One at a time for an account, so that the bound holds; callbacks are stored meanwhile
  await tx.$queryRaw`
    SELECT id FROM channel_accounts WHERE org_id = ${tx.orgId}::uuid AND id = ${accountId}::uuid FOR NO KEY UPDATE`
  await tx.$executeRaw`
    INSERT INTO callbacks (org_id, id, account_id, kind, provider_key, lane, url, content_type, body, state, reason,
      detail, received_at, stored_at)
    SELECT ${tx.orgId}::uuid, id, ${accountId}::uuid, kind, key, lane, url, "contentType", body, 'quarantined', reason,
      detail, "receivedAt", "receivedAt"
    FROM jsonb_to_recordset(${JSON.stringify(callbacks)}::jsonb) AS r(id uuid, kind callback_kind, key text, lane text,
      url text, "contentType" text, body text, reason text, detail text, "receivedAt" timestamptz)
    ON CONFLICT (org_id, account_id, provider_key) WHERE state = 'quarantined' DO NOTHING`
  await tx.$executeRaw`
    DELETE FROM callbacks WHERE ${account} AND state = 'quarantined' AND received_at < ${oldestKept(now)}`
  const pushedOut = await tx.$executeRaw`
    DELETE FROM callbacks WHERE ${account} AND state = 'quarantined' AND id IN (
      SELECT id FROM callbacks WHERE ${account} AND state = 'quarantined'
      ORDER BY received_at DESC, id DESC OFFSET ${quarantineBound})`
  const dropped = refused + pushedOut
  if (dropped === 0) return
  await tx.channelAccount.updateMany({
    where: { id: accountId },
    data: { quarantineDropped: { increment: dropped } },
  })
}

const oldestKept = (now: Date): Date => later(now, -days(quarantineDays))

// The states are written out in the query: with parameters in their place its partial index could not be used
const keptCallbacks = (tx: OrgTx, now: Date) => Prisma.sql`
  SELECT c.id, c.account_id AS "accountId", a.provider::text, c.kind::text, c.state::text, c.reason, c.detail,
    c.provider_key AS "providerKey", c.url, c.content_type AS "contentType", c.body, c.attempts,
    c.received_at AS "receivedAt"
  FROM callbacks c JOIN channel_accounts a ON a.org_id = c.org_id AND a.id = c.account_id
  WHERE c.org_id = ${tx.orgId}::uuid AND c.state IN ('quarantined', 'set_aside')
    AND (c.state = 'set_aside' OR c.received_at >= ${oldestKept(now)})`

export interface KeptFilter {
  state?: 'quarantined' | 'set_aside' | undefined
  reason?: string | undefined
  accountId?: string | undefined
}

const filtered = ({ state, reason, accountId }: KeptFilter) => Prisma.sql`
  ${state ? Prisma.sql`AND c.state = ${state}::callback_state` : Prisma.empty}
  ${reason ? Prisma.sql`AND c.reason = ${reason}` : Prisma.empty}
  ${accountId ? Prisma.sql`AND c.account_id = ${accountId}::uuid` : Prisma.empty}`

/** Newest first, one more than the page holds. */
export async function listKept(
  tx: OrgTx,
  query: PageRequest & KeptFilter,
  now: Date,
): Promise<KeptCallback[]> {
  const [before] = readCursor(query.cursor, [idPattern]) ?? []
  return tx.$queryRaw<KeptCallback[]>`
    ${keptCallbacks(tx, now)}
    ${before ? Prisma.sql`AND c.id < ${before}::uuid` : Prisma.empty}
    ${filtered(query)}
    ORDER BY c.id DESC LIMIT ${query.limit + 1}`
}

export async function lockKept(tx: OrgTx, id: string, now: Date): Promise<KeptCallback> {
  const [row] = await tx.$queryRaw<KeptCallback[]>`
    ${keptCallbacks(tx, now)} AND c.id = ${id}::uuid FOR UPDATE OF c`
  if (!row) throw notFound('callback in quarantine')
  return row
}

/** Whether the provider has sent the same with a good signature meanwhile. */
export async function hasGenuine(
  tx: OrgTx,
  { accountId, kind, providerKey }: Pick<KeptCallback, 'accountId' | 'kind' | 'providerKey'>,
): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM callbacks WHERE org_id = ${tx.orgId}::uuid AND account_id = ${accountId}::uuid
      AND kind = ${kind}::callback_kind AND provider_key = ${providerKey}
      AND state IN ('accepted', 'set_aside')`
  return rows.length > 0
}

export async function deleteKept(tx: OrgTx, id: string): Promise<void> {
  await tx.callback.deleteMany({ where: { id } })
}

/** Hands it to the worker as if it had just come, but with the moment at which it really came. */
export async function releaseKept(tx: OrgTx, id: string, now: Date): Promise<void> {
  await release(tx, Prisma.sql`${id}::uuid`, now)
}

/**
 * The same for many that the worker set aside, oldest first; answers how many. Not `state = 'set_aside'`, by which the
 * planner would look for the few that are kept among all that ever came.
 */
export function releaseSetAside(
  tx: OrgTx,
  filter: KeptFilter,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return release(
    tx,
    Prisma.sql`
      SELECT c.id FROM callbacks c
      WHERE c.org_id = ${tx.orgId}::uuid AND c.state IN ('quarantined', 'set_aside') AND c.state <> 'quarantined'
        ${filtered(filter)}
      ORDER BY c.id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
    now,
  )
}

/** Puts them back into the inbox, in the order in which they came. */
function release(tx: OrgTx, ids: Prisma.Sql, now: Date): Promise<number> {
  return tx.$executeRaw`
    WITH released AS (
      UPDATE callbacks SET state = 'accepted', reason = NULL, detail = NULL, attempts = 0
      WHERE org_id = ${tx.orgId}::uuid AND id IN (${ids})
      RETURNING org_id, seq, id, lane
    )
    INSERT INTO inbox (org_id, seq, callback_id, lane, stored_at, due_at)
    SELECT org_id, seq, id, lane, ${now}, ${now} FROM released`
}
