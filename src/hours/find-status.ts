import type { OrgTx } from '../db/database.js'
import { scheduleOf } from './present.js'
import { findSchedules } from './repository.js'
import { type HoursStatus, hoursStatus } from './schedule.js'

/**
 * How these operating hours stand at a moment, by their id: one statement, none where no id is given. Whatever has no
 * hours is always open.
 */
export async function findHoursStatus(
  tx: OrgTx,
  ids: readonly (string | null)[],
  moment: Date,
): Promise<Map<string, HoursStatus>> {
  const wanted = ids.flatMap((id) => id ?? [])
  if (wanted.length === 0) return new Map()
  const rows = await findSchedules(tx, wanted)
  return new Map(rows.map((row) => [row.id, hoursStatus(scheduleOf(row), moment)]))
}
