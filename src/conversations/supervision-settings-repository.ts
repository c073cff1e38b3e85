import type { OrgTx } from '../db/database.js'

/** What an organization lets its people do with conversations. */
export interface SupervisionSettings {
  /** Whether conversations may be transferred to agents, and not only to queues */
  transferToAgents: boolean
}

const defaults: SupervisionSettings = { transferToAgents: true }

export async function findSupervisionSettings(tx: OrgTx): Promise<SupervisionSettings> {
  return (await tx.supervisionSettings.findFirst()) ?? defaults
}
