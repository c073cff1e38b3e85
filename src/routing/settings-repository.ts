import type { OrgTx } from '../db/database.js'

export interface RoutingSettings {
  declineLimit: number
  /** What becomes of a conversation whose queue, and the fallback queue, have no members at all */
  queueWithoutMembers: 'keep_open' | 'close'
}

export const defaultSettings: RoutingSettings = { declineLimit: 3, queueWithoutMembers: 'keep_open' }

export async function findRoutingSettings(tx: OrgTx): Promise<RoutingSettings> {
  const [row] = await tx.$queryRaw<RoutingSettings[]>`
    SELECT decline_limit AS "declineLimit", queue_without_members AS "queueWithoutMembers" FROM routing_settings WHERE org_id = ${tx.orgId}::uuid`
  return row ?? defaultSettings
}

export async function saveRoutingSettings(
  tx: OrgTx,
  { declineLimit, queueWithoutMembers }: RoutingSettings,
  now: Date,
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO routing_settings (org_id, decline_limit, queue_without_members, updated_at)
    VALUES (${tx.orgId}::uuid, ${declineLimit}, ${queueWithoutMembers}, ${now})
    ON CONFLICT (org_id) DO UPDATE SET decline_limit = excluded.decline_limit,
      queue_without_members = excluded.queue_without_members, updated_at = excluded.updated_at`
}
