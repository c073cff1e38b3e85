import type { Attendance, Step } from '../conversations/steps.js'
import type { HoursStatus } from '../hours/schedule.js'

/** When something is said by itself (domain.md 8.2, what applies to SMS and WhatsApp). */
export const triggers = [
  'conversation_started',
  'out_of_hours',
  'holiday',
  'agent_assigned',
  'assignment_failed',
  'agent_joined',
  'transfer_accepted',
  'agent_disconnected',
  'consult_accepted',
  'consult_ended',
  'participant_joined',
  'participant_left',
  'conversation_ended',
  'session_ended',
  'overflow_ended',
] as const
export type Trigger = (typeof triggers)[number]

/** Something that a step gives reason to say. */
export interface Occasion {
  conversationId: string
  /** The agent whom it is about */
  agentId: string | null
  /** The first of these that applies and is active is said */
  triggers: readonly Trigger[]
  /** Whose operating hours decide; null where none do */
  hours: 'number' | 'number_or_queue' | 'queue_alone' | null
  /** It answers what the customer wrote: not said where that was an opt-out or help word, or was recovered */
  isReply: boolean
}

type Said = Pick<Occasion, 'triggers' | 'hours' | 'isReply'>

const closed: readonly Trigger[] = ['holiday', 'out_of_hours']
const plain = (trigger: Trigger): Said => ({ triggers: [trigger], hours: null, isReply: false })

/**
 * What a step of a conversation gives reason to say; null for nothing. That it is out of hours is said once when a
 * conversation begins or comes back from waiting. The hours of the number decide; where it has none, those of the queue
 * do, as soon as there is one.
 */
export function occasionOf(step: Step): Occasion | null {
  const said = whatToSay(step)
  if (!said) return null
  const { before, after } = step
  return { ...said, conversationId: after.id, agentId: after.agentId ?? before?.agentId ?? null }
}

function whatToSay({ by, from, to, before }: Step): Said | null {
  switch (by) {
    case 'opened':
      return { triggers: [...closed, 'conversation_started'], hours: 'number', isReply: true }
    case 'customer_wrote':
      return from === 'waiting' ? { triggers: closed, hours: 'number_or_queue', isReply: true } : null
    case 'routed':
      return before?.queueId
        ? plain('assignment_failed')
        : { triggers: [...closed, 'assignment_failed'], hours: 'queue_alone', isReply: true }
    case 'transferred_to_queue':
    case 'assigned_to_queue':
      return plain('assignment_failed')
    case 'ended_without_members':
      return { triggers: ['assignment_failed'], hours: null, isReply: true }
    case 'offered':
    case 'assigned':
    case 'transfer_offered':
      if (to !== 'offered') return null
      return { triggers: ['agent_assigned'], hours: null, isReply: true }
    case 'accepted':
    case 'auto_accepted':
      return from === 'offered' ? plain('agent_joined') : null
    case 'picked':
    case 'resumed':
      return plain('agent_joined')
    case 'transfer_accepted':
      return plain('transfer_accepted')
    case 'agent_left':
      return from === 'active' ? plain('agent_disconnected') : null
    case 'ended_by_agent':
      return plain('conversation_ended')
    case 'closed_by_agent':
      return to === 'closed' ? plain('session_ended') : null
    case 'overflow_ended':
      return { triggers: ['overflow_ended'], hours: null, isReply: true }
    default:
      return null
  }
}

/** That somebody beside the agent writes to the customer from now on, or no longer. */
export const attendanceOccasion = ({ by, conversationId, agentId }: Attendance): Occasion => ({
  ...plain(by),
  conversationId,
  agentId,
})

/** Which hours decide about an occasion; null for none. */
export function hoursFor(
  { hours }: Occasion,
  { numberHoursId, queueHoursId }: { numberHoursId: string | null; queueHoursId: string | null },
): string | null {
  if (hours === 'number') return numberHoursId
  if (hours === 'number_or_queue') return numberHoursId ?? queueHoursId
  return hours === 'queue_alone' && !numberHoursId ? queueHoursId : null
}

/** Whether a trigger applies at this moment, in a queue that has members or has none at all. */
export function applies(
  trigger: Trigger,
  status: HoursStatus | undefined,
  { queueHasMembers }: { queueHasMembers: boolean },
): boolean {
  if (trigger === 'assignment_failed') return !queueHasMembers
  if (trigger === 'holiday') return status !== undefined && !status.open && status.holiday !== null
  if (trigger === 'out_of_hours') return status !== undefined && !status.open
  return true
}

/** How many automatic messages one customer gets at most: another robot that answers each of them comes to an end. */
export const mostLately = { messages: 8, minutes: 10 }
const mostInADay = 30

export const isTooMuch = ({ lately, today }: { lately: number; today: number }): boolean =>
  lately >= mostLately.messages || today >= mostInADay
