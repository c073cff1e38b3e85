import type { z } from 'zod'
import type { OperatingHours } from '../db/generated/client.js'
import type { Exception, Holiday, HoursStatus, Schedule, Weekly } from './schedule.js'
import type { hoursSchema, hoursStatusSchema } from './schemas.js'

/** What of the row says when it is open. The schemas let nothing else into these columns. */
export const scheduleOf = ({
  timeZone,
  weekly,
  exceptions,
  holidays,
}: Pick<OperatingHours, 'timeZone' | 'weekly' | 'exceptions' | 'holidays'>): Schedule => ({
  timeZone,
  weekly: weekly as unknown as Weekly,
  exceptions: exceptions as unknown as Exception[],
  holidays: holidays as unknown as Holiday[],
})

export const presentHours = (row: OperatingHours): z.infer<typeof hoursSchema> => ({
  id: row.id,
  name: row.name,
  description: row.description,
  ...scheduleOf(row),
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})

export const presentStatus = (
  { open, opensAt, closesAt, holiday }: HoursStatus,
  at: Date,
): z.infer<typeof hoursStatusSchema> => ({
  at: at.toISOString(),
  open,
  opensAt: opensAt?.toISOString() ?? null,
  closesAt: closesAt?.toISOString() ?? null,
  holiday,
})
