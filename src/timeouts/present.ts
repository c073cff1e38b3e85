import type { z } from 'zod'
import type { ClosingTimes, TimeoutRule } from '../db/generated/client.js'
import { defaultClosingTimes } from '../workstreams/closing-times.js'
import type { closingTimesSchema, timeoutRulesSchema } from './schemas.js'

export type ShownClosingTimes = z.infer<typeof closingTimesSchema>
export type ShownRules = z.infer<typeof timeoutRulesSchema>
export type ShownRule = ShownRules['rules'][number]

export function presentClosingTimes(rows: readonly ClosingTimes[]): ShownClosingTimes {
  const of = (wanted: 'sms' | 'whatsapp') => {
    const found = rows.find(({ channel }) => channel === wanted) ?? defaultClosingTimes
    const { openMinutes, activeMinutes, wrapUpMinutes } = found
    return { openMinutes, activeMinutes, wrapUpMinutes }
  }
  return { sms: of('sms'), whatsapp: of('whatsapp') }
}

export const presentTimeoutRules = (rows: readonly TimeoutRule[]): ShownRules => ({
  rules: rows.map((row) => ({
    name: row.name,
    active: row.isActive,
    event: row.event as ShownRule['event'],
    after: { value: row.afterValue, unit: row.afterUnit as ShownRule['after']['unit'] },
    action: row.action as ShownRule['action'],
    priority: row.priority,
  })),
})
