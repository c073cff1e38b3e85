import type { OrgTx } from '../db/database.js'
import { type PageRequest, readCursor } from '../db/page.js'

export interface Customer {
  channel: 'sms' | 'whatsapp'
  customerAddress: string
}

export interface OptOutRow extends Customer {
  source: string
  createdAt: Date
}

/** Keeps these customers as opted out, since the moment that they name or `now`. Whoever is already stays so since then. */
export async function setOptOuts(
  tx: OrgTx,
  customers: readonly (Customer & { since?: Date })[],
  { source, now }: { source: 'keyword' | 'provider'; now: Date },
): Promise<void> {
  if (customers.length === 0) return
  await tx.optOut.createMany({
    data: customers.map(({ channel, customerAddress, since = now }) => ({
      orgId: tx.orgId,
      channel,
      customerAddress,
      source,
      createdAt: since,
    })),
    skipDuplicates: true,
  })
}

/** These customers opted in again. An opt-out after the moment that one names stays: it was written later. */
export async function clearOptOuts(
  tx: OrgTx,
  customers: readonly (Customer & { before?: Date })[],
): Promise<void> {
  for (const { channel, customerAddress, before } of customers) {
    if (before)
      await tx.optOut.deleteMany({ where: { channel, customerAddress, createdAt: { lte: before } } })
  }

  for (const channel of ['sms', 'whatsapp'] as const) {
    const addresses = customers
      .filter((customer) => customer.channel === channel && !customer.before)
      .map(({ customerAddress }) => customerAddress)
    if (addresses.length > 0)
      await tx.optOut.deleteMany({ where: { channel, customerAddress: { in: addresses } } })
  }
}

/** Which of these addresses have opted out on the channel. */
export async function listOptedOut(
  tx: OrgTx,
  channel: 'sms' | 'whatsapp',
  addresses: readonly string[],
): Promise<Set<string>> {
  const rows = await tx.optOut.findMany({
    where: { channel, customerAddress: { in: [...new Set(addresses)] } },
    select: { customerAddress: true },
  })
  return new Set(rows.map(({ customerAddress }) => customerAddress))
}

const millisecondsPattern = /^\d{1,13}$/
const channelPattern = /^(sms|whatsapp)$/
const addressPattern = /^[^\0]{1,500}$/

export const optOutKey = ({ createdAt, channel, customerAddress }: OptOutRow): string[] => [
  String(createdAt.getTime()),
  channel,
  customerAddress,
]

/** The latest first; one more than the page holds. */
export async function listOptOuts(tx: OrgTx, page: PageRequest): Promise<OptOutRow[]> {
  const cursor = readCursor(page.cursor, [millisecondsPattern, channelPattern, addressPattern])
  const [milliseconds, channel = '', customerAddress = ''] = cursor ?? []
  const before = new Date(Number(milliseconds ?? 0))
  return tx.$queryRaw<OptOutRow[]>`
    SELECT channel::text, customer_address AS "customerAddress", source, created_at AS "createdAt" FROM opt_outs
    WHERE ${cursor === null} OR (created_at, channel::text, customer_address) < (${before}, ${channel}, ${customerAddress})
    ORDER BY created_at DESC, channel::text DESC, customer_address DESC LIMIT ${page.limit + 1}`
}
