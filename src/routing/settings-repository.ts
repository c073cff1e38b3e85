import type { OrgTx } from '../db/database.js'

export interface RoutingSettings {
  declineLimit: number
}

const defaultSettings: RoutingSettings = { declineLimit: 3 }

export async function findRoutingSettings(tx: OrgTx): Promise<RoutingSettings> {
  const [row] = await tx.$queryRaw<RoutingSettings[]>`
    SELECT decline_limit AS "declineLimit" FROM routing_settings WHERE org_id = ${tx.orgId}::uuid`
  return row ?? defaultSettings
}

export async function saveRoutingSettings(
  tx: OrgTx,
  { declineLimit }: RoutingSettings,
  now: Date,
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO routing_settings (org_id, decline_limit, updated_at) VALUES (${tx.orgId}::uuid, ${declineLimit}, ${now})
    ON CONFLICT (org_id) DO UPDATE SET decline_limit = excluded.decline_limit, updated_at = excluded.updated_at`
}
