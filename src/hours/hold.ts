import type { OrgTx } from '../db/database.js'
import { invalidField } from '../lib/errors.js'
import { holdHours } from './repository.js'

/** For what is to keep to these hours: they exist, and cannot go away meanwhile. */
export async function holdOperatingHours(tx: OrgTx, id: string | null | undefined): Promise<void> {
  if (id && !(await holdHours(tx, id))) {
    throw invalidField('operatingHoursId', 'There are no such operating hours.')
  }
}
