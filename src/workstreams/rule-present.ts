import type { z } from 'zod'
import type { RoutingRule } from '../db/generated/client.js'
import type { Condition } from './condition.js'
import type { Share } from './rule-repository.js'
import type { routingRulesSchema } from './rule-schemas.js'

export const presentRules = (rows: RoutingRule[]): z.infer<typeof routingRulesSchema> => ({
  rules: rows.map(({ name, condition, queueId, allocation, ignoreOverflow }) => ({
    name,
    when: condition as unknown as Condition,
    ...(ignoreOverflow && { ignoreOverflow }),
    ...(allocation === null ? { queueId } : { queues: allocation as unknown as Share[] }),
  })),
})
