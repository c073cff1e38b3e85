import type { OrgTx } from '../db/database.js'
import { AppError } from '../lib/errors.js'

/** Gives units back to agents. Sorted, so that two units of work never wait for each other. */
export async function releaseCapacity(
  tx: OrgTx,
  released: readonly { agentId: string; units: number }[],
): Promise<void> {
  const byAgent = new Map<string, number>()
  for (const { agentId, units } of released) byAgent.set(agentId, (byAgent.get(agentId) ?? 0) + units)
  for (const agentId of [...byAgent.keys()].sort()) {
    const units = byAgent.get(agentId) ?? 0
    await tx.$executeRaw`
      UPDATE agents SET used_units = used_units - ${units},
        overcommitted_units = least(overcommitted_units, greatest(0, used_units - ${units} - capacity_units))
      WHERE id = ${agentId}::uuid`
  }
}

/**
 * Takes units for work that a person chose (a pick, a resume), even beyond the agent's capacity: what goes beyond is
 * written down as overcommitted, so that the constraint goes on holding for what the engine gives (domain.md 5.7).
 */
export async function takeCapacity(
  tx: OrgTx,
  { agentId, units, now }: { agentId: string; units: number; now: Date },
): Promise<void> {
  const taken = await tx.$executeRaw`
    UPDATE agents SET used_units = used_units + ${units}, last_assigned_at = ${now},
      overcommitted_units = greatest(overcommitted_units, used_units + ${units} - capacity_units)
    WHERE id = ${agentId}::uuid`
  if (taken === 0) throw new AppError('forbidden', 'The agent of this key does not exist.')
}

/** Takes units for an offer of the engine. False where the agent has become unavailable or full in the meantime. */
export async function claimCapacity(
  tx: OrgTx,
  { agentId, units, now }: { agentId: string; units: number; now: Date },
): Promise<boolean> {
  const claimed = await tx.$executeRaw`
    UPDATE agents SET used_units = used_units + ${units}, last_assigned_at = ${now}
    WHERE id = ${agentId}::uuid AND presence = 'available' AND used_units + ${units} <= capacity_units`
  return claimed === 1
}
