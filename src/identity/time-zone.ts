import type { OrgTx } from '../db/database.js'

/** The IANA time zone of the organization of this unit of work. */
export async function getTimeZone(tx: OrgTx): Promise<string> {
  const [own] = await tx.$queryRaw<{ timeZone: string }[]>`
    SELECT time_zone AS "timeZone" FROM organizations WHERE id = ${tx.orgId}::uuid`
  if (!own) throw new Error('A unit of work has no organization')
  return own.timeZone
}
