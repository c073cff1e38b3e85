import type { OrgTx } from '../db/database.js'
import { gathered } from '../db/gathered.js'
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

/** Somebody beside the agent writes to the customer from now on, or no longer; or is consulted, or no longer. */
export interface Attendance {
  by: 'participant_joined' | 'participant_left' | 'consult_accepted' | 'consult_ended'
  conversationId: string
  agentId: string
}

const taken = gathered<Step>()
const attended = gathered<Attendance>()

export function noteSteps(tx: OrgTx, steps: readonly Step[]): void {
  taken(tx).push(...steps)
}

/** In their order. */
export const stepsOf = (tx: OrgTx): readonly Step[] => taken(tx)

export function noteAttendance(tx: OrgTx, attendance: Attendance): void {
  attended(tx).push(attendance)
}

/** In their order. */
export const attendancesOf = (tx: OrgTx): readonly Attendance[] => attended(tx)
