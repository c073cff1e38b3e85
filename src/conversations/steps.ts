import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import type { Happening, Phase } from './lifecycle.js'

/** Something that happened to a conversation, for what follows from it in the same unit of work. */
export interface Step {
  by: Happening | 'opened'
  from: Phase | null
  to: Phase
  before: Conversation | null
  after: Conversation
}

const taken = new WeakMap<OrgTx, Step[]>()

export function noteSteps(tx: OrgTx, steps: readonly Step[]): void {
  const earlier = taken.get(tx)
  if (earlier) earlier.push(...steps)
  else if (steps.length > 0) taken.set(tx, [...steps])
}

/** In their order. */
export const stepsOf = (tx: OrgTx): readonly Step[] => taken.get(tx) ?? []
