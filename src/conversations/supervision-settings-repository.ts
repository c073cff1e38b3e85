import type { OrgTx } from '../db/database.js'
import type { OrgCaller } from '../lib/caller.js'
import { AppError } from '../lib/errors.js'

/** What an organization lets its people do with conversations. */
export interface SupervisionSettings {
  /** Whether conversations may be transferred to agents, and not only to queues */
  transferToAgents: boolean
  /** What supervisors may do */
  monitor: boolean
  assign: boolean
  transfer: boolean
  forceClose: boolean
}

const defaults: SupervisionSettings = {
  transferToAgents: true,
  monitor: true,
  assign: true,
  transfer: true,
  forceClose: true,
}

export async function findSupervisionSettings(tx: OrgTx): Promise<SupervisionSettings> {
  return (await tx.supervisionSettings.findFirst()) ?? defaults
}

/** Throws where the organization does not let its supervisors do this. Admins always may. */
export async function assertPermitted(
  tx: OrgTx,
  { role }: Pick<OrgCaller, 'role'>,
  what: Exclude<keyof SupervisionSettings, 'transferToAgents'>,
): Promise<void> {
  if (role !== 'supervisor' || (await findSupervisionSettings(tx))[what]) return
  throw new AppError('forbidden', 'Your organization has turned this off for supervisors.')
}
