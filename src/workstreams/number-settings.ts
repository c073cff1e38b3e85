import { numberKey } from '../channels/number-repository.js'
import type { OrgTx } from '../db/database.js'
import { type Channel, Prisma, type Workstream } from '../db/generated/client.js'
import { type ClosingTimes, closingTimesOf, withClosingTimes } from './closing-times.js'

/** How messages of one number are worked. */
export interface NumberSettings {
  number: { id: string; accountId: string; channel: Channel; address: string }
  workstream: Workstream & ClosingTimes
  /** BCP 47 */
  language: string
  customerAttachments: boolean
  agentAttachments: boolean
}

type Row = Omit<NumberSettings, 'workstream' | 'number'> &
  Workstream &
  ClosingTimes & { numberId: string; accountId: string; numberChannel: Channel; address: string }

const settings = Prisma.sql`
  n.id AS "numberId", n.account_id AS "accountId", n.channel::text AS "numberChannel", n.address,
  coalesce(c.language, 'en-US') AS language,
  coalesce(c.customer_attachments, false) AS "customerAttachments",
  coalesce(c.agent_attachments, false) AS "agentAttachments",
  w.org_id AS "orgId", w.id, w.name, w.channel::text, w.distribution::text, w.is_built_in AS "isBuiltIn",
  w.auto_close_after_minutes AS "autoCloseAfterMinutes", w.capacity_units AS "capacityUnits",
  w.keep_same_agent AS "keepSameAgent", w.wrap_up_block_seconds AS "wrapUpBlockSeconds",
  w.capacity_profile_id AS "capacityProfileId", w.agent_timeouts AS "agentTimeouts", w.allowed_presences AS "allowedPresences",
  w.customer_timeouts AS "customerTimeouts", ${closingTimesOf},
  w.automatic_messages AS "automaticMessages",
  w.skill_matching::text AS "skillMatching",
  w.fallback_queue_id AS "fallbackQueueId", w.created_at AS "createdAt", w.updated_at AS "updatedAt"
  FROM channel_numbers n
  LEFT JOIN workstream_channels c ON c.org_id = n.org_id AND c.number_id = n.id
  JOIN workstreams w ON w.org_id = n.org_id
    AND CASE WHEN c.id IS NULL THEN w.is_built_in AND w.channel = n.channel ELSE w.id = c.workstream_id END
  ${withClosingTimes}`

/** By number id. A number that was put into no workstream works in the built-in one of its channel, with its defaults. */
export async function loadWorkstreamForNumbers(
  tx: OrgTx,
  numberIds: readonly string[],
): Promise<Map<string, NumberSettings>> {
  const rows = await tx.$queryRaw<Row[]>`
    SELECT ${settings} WHERE n.org_id = ${tx.orgId}::uuid AND n.id = ANY(${[...numberIds]}::uuid[])`
  return new Map(rows.map((row) => [row.numberId, settingsOf(row)]))
}

/** The numbers of the organization with these addresses that are not deleted, on either channel, by `numberKey`. */
export async function findNumbersAtWork(
  tx: OrgTx,
  addresses: readonly string[],
): Promise<Map<string, NumberSettings>> {
  const rows = await tx.$queryRaw<Row[]>`
    SELECT ${settings}
    WHERE n.org_id = ${tx.orgId}::uuid AND n.address = ANY(${[...new Set(addresses)]}) AND n.deleted_at IS NULL`
  return new Map(rows.map(settingsOf).map((found) => [numberKey(found.number), found]))
}

function settingsOf(row: Row): NumberSettings {
  const { numberId, accountId, numberChannel, address, ...rest } = row
  const { language, customerAttachments, agentAttachments, ...workstream } = rest
  const number = { id: numberId, accountId, channel: numberChannel, address }
  return { number, workstream, language, customerAttachments, agentAttachments }
}
