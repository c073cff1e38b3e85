import type { Condition } from './condition.js'

/** What a rule says about the conversations that it matches (domain.md 5.2). */
export interface Outputs {
  context?: Record<string, string | number> | undefined
  skills?: RequiredSkill[] | undefined
  /** Among what waits in its queue; smaller first */
  priority?: number | undefined
  capacityProfileId?: string | undefined
}

export interface RequiredSkill {
  skillId: string
  /** At least this */
  rating: number
}

export interface Ruleset {
  name: string
  rules: { name: string; when: Condition; set: Outputs }[]
}
