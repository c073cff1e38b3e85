import type { SupervisionSettings } from '../conversations/supervision-settings-repository.js'
import type { OrgTx } from '../db/database.js'

export async function saveSupervisionSettings(
  tx: OrgTx,
  settings: SupervisionSettings,
  now: Date,
): Promise<void> {
  const data = { ...settings, updatedAt: now }
  await tx.supervisionSettings.upsert({
    where: { orgId: tx.orgId },
    create: { orgId: tx.orgId, ...data },
    update: data,
  })
}
