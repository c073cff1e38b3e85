import type { Database, OrgTx } from '../db/database.js'
import { type CallbackKind, type Channel, Prisma, type ProviderName } from '../db/generated/client.js'

/** An account as its callback URL finds it, with sealed secrets. */
export interface CallbackAccount {
  orgId: string
  id: string
  provider: ProviderName
  channel: Channel
  providerAccountId: string
  secret: string
  previousSecret: string | null
  previousSecretUntil: Date | null
  version: number
}

/** The account that is not deleted and has this token in its callback URL, of whatever organization. */
export async function findCallbackAccount(db: Database, token: string): Promise<CallbackAccount | null> {
  const [account] = await db.call<CallbackAccount>(Prisma.sql`
    SELECT "orgId", id, provider::text, channel::text, "providerAccountId", secret, "previousSecret",
      "previousSecretUntil", version
    FROM find_callback_account(${token})`)
  return account ?? null
}

/** A callback for the inbox. Texts hold no NUL, which PostgreSQL cannot store. */
export interface NewCallback {
  orgId: string
  accountId: string
  /** The version of the account that the signature was checked with */
  version: number
  id: string
  kind: CallbackKind
  key: string
  lane: string
  url: string
  contentType: string
  body: string
  receivedAt: Date
}

/** `stale`: the account has changed since the signature was checked, and nothing was stored. */
export type StoreOutcome = 'stored' | 'duplicate' | 'stale'

/** Stores the callbacks of one moment, of any organizations, with one commit. Answers one outcome each, in order. */
export async function storeCallbacks(
  db: Database,
  callbacks: readonly NewCallback[],
): Promise<StoreOutcome[]> {
  const texts = (name: 'key' | 'lane' | 'url' | 'contentType' | 'body') => callbacks.map((each) => each[name])
  // What needs no quotes in an array of PostgreSQL
  const plain = (of: (callback: NewCallback) => string | number) => `{${callbacks.map(of).join()}}`
  const others = await db.call<{ id: string; outcome: StoreOutcome }>(Prisma.sql`
    SELECT id, outcome FROM store_callbacks(
      ${plain(({ orgId }) => orgId)}::uuid[], ${plain(({ accountId }) => accountId)}::uuid[],
      ${plain(({ version }) => version)}::int[], ${plain(({ id }) => id)}::uuid[],
      ${plain(({ kind }) => kind)}::callback_kind[], ${texts('key')}::text[], ${texts('lane')}::text[],
      ${texts('url')}::text[], ${texts('contentType')}::text[], ${texts('body')}::text[],
      ${plain(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[])`)
  const outcomeOf = new Map(others.map(({ id, outcome }) => [id, outcome]))
  return callbacks.map(({ id }) => outcomeOf.get(id) ?? 'stored')
}

/** A stored callback that waits in the inbox. */
export interface PendingCallback {
  id: string
  /** Its place in the inbox */
  seq: bigint
  accountId: string
  provider: ProviderName
  kind: CallbackKind
  url: string
  contentType: string
  body: string
  attempts: number
  isDoubtful: boolean
  receivedAt: Date
  /** Made from the provider's list, because it never came */
  recovered: boolean
}

/**
 * `trusted`: nothing speaks against working it together with others. `doubtful`: an attempt to work it by itself has
 * begun before and did not end well, or nobody knows how.
 */
export type Trust = 'trusted' | 'doubtful'

const inOrder = Prisma.sql`ORDER BY i.seq`
const ofTrust: Record<Trust, { which: Prisma.Sql; order: Prisma.Sql }> = {
  trusted: { which: Prisma.sql`AND NOT i.is_doubtful`, order: inOrder },
  doubtful: { which: Prisma.sql`AND i.is_doubtful`, order: Prisma.sql`ORDER BY i.attempts, i.seq` },
}
const ofAny = { which: Prisma.empty, order: inOrder }

/**
 * What is due, in the order in which it came. A callback waits behind an earlier one of its lane that was postponed or
 * is doubtful, so that a customer's messages keep their order. Call it for one organization once at a time. The few lanes
 * that are held up are found first: a fresh database has no statistics, and an anti-join over the inbox would be quadratic.
 * What is taken is settled before anything is joined to it, and each callback is looked up by itself: of an organization
 * that is new the planner believes that it has hardly a callback, and would read all of them for each.
 */
export async function takePendingCallbacks(
  tx: OrgTx,
  now: Date,
  limit: number,
  trust?: Trust,
): Promise<PendingCallback[]> {
  const { which, order } = trust ? ofTrust[trust] : ofAny
  return tx.$queryRaw<PendingCallback[]>`
    WITH held AS MATERIALIZED (
      SELECT lane, min(seq) AS seq FROM inbox
      WHERE org_id = ${tx.orgId}::uuid AND attempts > 0 AND (due_at > ${now} OR is_doubtful)
      GROUP BY lane
    ), taken AS MATERIALIZED (
      SELECT i.* FROM inbox i
      WHERE i.org_id = ${tx.orgId}::uuid AND i.due_at <= ${now}
        AND NOT EXISTS (SELECT 1 FROM held h WHERE h.lane = i.lane AND h.seq < i.seq)
        ${which} ${order} LIMIT ${limit}
    )
    SELECT c.id, i.seq, c.account_id AS "accountId", a.provider::text, c.kind::text, c.url,
      c.content_type AS "contentType", c.body, i.attempts, i.is_doubtful AS "isDoubtful",
      c.received_at AS "receivedAt", c.recovered
    FROM taken i CROSS JOIN LATERAL (
        SELECT * FROM callbacks WHERE org_id = i.org_id AND id = i.callback_id LIMIT 1) c
      JOIN channel_accounts a ON a.org_id = c.org_id AND a.id = c.account_id
    ${order}`
}

/**
 * Writes that a callback is being worked by itself, and when that is tried again if nobody says how it ended: a
 * callback that ends the process leaves this behind.
 */
export async function beginAttempt(
  tx: OrgTx,
  { seq, attempts }: PendingCallback,
  retryAt: Date,
): Promise<void> {
  await tx.inboxEntry.updateMany({
    where: { seq },
    data: { attempts: attempts + 1, dueAt: retryAt, isDoubtful: true },
  })
}

/** Whether the callback still waits at this attempt; locked, so that nobody else works it meanwhile. */
export async function lockAttempt(tx: OrgTx, { seq, attempts }: PendingCallback): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM inbox WHERE org_id = ${tx.orgId}::uuid AND seq = ${seq} AND attempts = ${attempts} FOR UPDATE`
  return rows.length > 0
}

/** They are done: they wait no more. */
export async function finishCallbacks(tx: OrgTx, callbacks: readonly PendingCallback[]): Promise<void> {
  if (callbacks.length === 0) return
  const places = `{${callbacks.map(({ seq }) => seq).join()}}`
  await tx.$executeRaw`
    DELETE FROM inbox WHERE org_id = ${tx.orgId}::uuid AND seq = ANY(${places}::bigint[])`
}

/** Keeps what could not be used, where the admin sees it with its reason. It waits no more. */
export async function setAsideCallbacks(
  tx: OrgTx,
  callbacks: readonly (Pick<PendingCallback, 'seq'> & { reason: string; detail: string })[],
): Promise<void> {
  if (callbacks.length === 0) return
  const rows = JSON.stringify(callbacks.map(({ seq, ...why }) => ({ seq: String(seq), ...why })))
  await tx.$executeRaw`
    WITH aside AS (
      DELETE FROM inbox i USING jsonb_to_recordset(${rows}::jsonb) AS r(seq bigint, reason text, detail text)
      WHERE i.org_id = ${tx.orgId}::uuid AND i.seq = r.seq
      RETURNING i.callback_id, i.attempts, r.reason, r.detail
    )
    UPDATE callbacks c SET state = 'set_aside', reason = a.reason, detail = a.detail, attempts = a.attempts
    FROM aside a WHERE c.org_id = ${tx.orgId}::uuid AND c.id = a.callback_id`
}

export async function postponeCallback(
  tx: OrgTx,
  { seq, attempts }: PendingCallback,
  dueAt: Date,
): Promise<void> {
  await tx.inboxEntry.updateMany({
    where: { seq },
    data: { dueAt, attempts: attempts + 1, isDoubtful: false },
  })
}
