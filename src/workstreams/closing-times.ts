import { Prisma } from '../db/generated/client.js'

/** After how long a conversation of a channel closes by itself; waiting ones by their workstream. */
export interface ClosingTimes {
  openMinutes: number
  activeMinutes: number
  wrapUpMinutes: number
}

const dayMinutes = 1440

/** What holds for a channel for which nothing was set (domain.md 2.4). */
export const defaultClosingTimes: ClosingTimes = {
  openMinutes: 30 * dayMinutes,
  activeMinutes: 30 * dayMinutes,
  wrapUpMinutes: dayMinutes,
}

const { openMinutes, activeMinutes, wrapUpMinutes } = defaultClosingTimes

/** The columns of a workstream `w`, and the join that they need. */
export const closingTimesOf = Prisma.sql`
  coalesce(t.open_minutes, ${openMinutes}::int) AS "openMinutes",
  coalesce(t.active_minutes, ${activeMinutes}::int) AS "activeMinutes",
  coalesce(t.wrap_up_minutes, ${wrapUpMinutes}::int) AS "wrapUpMinutes"`
export const withClosingTimes = Prisma.sql`
  LEFT JOIN closing_times t ON t.org_id = w.org_id AND t.channel = w.channel`
