/**
 * The states of a conversation and what leads from one to another (domain.md 2.2, for SMS and WhatsApp).
 *
 * A phase is the status that callers see, with `active` told apart: an offer that awaits its agent is `offered`, and
 * `transferring` is an accepted conversation that another agent is to take over and has not accepted yet. Closed is final: whatever the customer writes then opens a new conversation, and so
 * does a message during wrap-up.
 */
export const phases = ['open', 'offered', 'active', 'transferring', 'waiting', 'wrap_up', 'closed'] as const
export type Phase = (typeof phases)[number]

export const happenings = [
  'customer_wrote',
  'routed',
  'overflow_ended',
  'ended_without_members',
  'offered',
  'accepted',
  'rejected',
  'offer_expired',
  'auto_accepted',
  'agent_left',
  'picked',
  'released',
  'closed_by_agent',
  'ended_by_agent',
  'resumed',
  'assigned',
  'assigned_to_queue',
  'transfer_offered',
  'transfer_accepted',
  'transfer_declined',
  'transfer_expired',
  'transfer_agent_left',
  'transferred_to_queue',
  'force_closed',
  'auto_closed',
  'closed_by_rule',
  'moved_to_waiting',
  'messaged',
] as const
export type Happening = (typeof happenings)[number]

export type Status = 'open' | 'active' | 'waiting' | 'wrap_up' | 'closed'

type Table = Record<Phase, Partial<Record<Happening, Phase>>>

const table: Table = {
  open: {
    customer_wrote: 'open',
    routed: 'open',
    overflow_ended: 'closed',
    ended_without_members: 'closed',
    offered: 'offered',
    picked: 'active',
    assigned: 'offered',
    assigned_to_queue: 'open',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    // A supervisor has written to the customer: nobody works on it, and the customer may answer
    messaged: 'waiting',
  },
  offered: {
    customer_wrote: 'offered',
    accepted: 'active',
    rejected: 'open',
    offer_expired: 'open',
    auto_accepted: 'active',
    agent_left: 'open',
    released: 'open',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    messaged: 'offered',
  },
  active: {
    customer_wrote: 'active',
    // Accepting twice is fine
    accepted: 'active',
    agent_left: 'open',
    released: 'open',
    closed_by_agent: 'waiting',
    ended_by_agent: 'wrap_up',
    transfer_offered: 'transferring',
    transferred_to_queue: 'open',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    moved_to_waiting: 'waiting',
    messaged: 'active',
  },
  // It stays with its agent until the other one accepts; whatever that agent does with it meanwhile takes the transfer back
  transferring: {
    customer_wrote: 'transferring',
    accepted: 'transferring',
    transfer_accepted: 'active',
    transfer_declined: 'active',
    transfer_expired: 'active',
    transfer_agent_left: 'active',
    transferred_to_queue: 'open',
    released: 'open',
    closed_by_agent: 'waiting',
    ended_by_agent: 'wrap_up',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    moved_to_waiting: 'waiting',
    messaged: 'transferring',
  },
  waiting: {
    customer_wrote: 'open',
    resumed: 'active',
    // Nobody has it: it is an offer like any other
    transfer_offered: 'offered',
    transferred_to_queue: 'open',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    messaged: 'waiting',
  },
  wrap_up: {
    closed_by_agent: 'closed',
    force_closed: 'closed',
    auto_closed: 'closed',
  },
  closed: {},
}

declare const proven: unique symbol

/** A step that the table allows. Only `nextPhase` makes one, and nothing else can be written to the status column. */
export type Transition = {
  readonly from: Phase
  readonly to: Phase
  readonly by: Happening
  readonly [proven]: true
}

/** The step that a happening makes from this phase; null where it is not allowed. */
export function nextPhase(from: Phase, by: Happening): Transition | null {
  const to = table[from][by]
  return to ? ({ from, to, by } as Transition) : null
}

export function phaseOf(conversation: {
  status: Status
  acceptedAt: Date | null
  transferAgentId: string | null
}): Phase {
  const { status, acceptedAt, transferAgentId } = conversation
  if (status !== 'active') return status
  if (!acceptedAt) return 'offered'
  return transferAgentId ? 'transferring' : 'active'
}

/** Whether an agent works on it: they answer the customer. */
export const isInWork = (phase: Phase): boolean => phase === 'active' || phase === 'transferring'

/** Whether an agent works or has worked on it, and it is not closed: it can be monitored. */
export const hasBeenAccepted = (phase: Phase): boolean =>
  isInWork(phase) || phase === 'waiting' || phase === 'wrap_up'

export const statusOf = (phase: Phase): Status =>
  phase === 'offered' || phase === 'transferring' ? 'active' : phase

/** What callers may ask for, by the happening that it makes. */
const calls: Partial<Record<Happening, string>> = {
  accepted: 'accept',
  rejected: 'reject',
  picked: 'pick',
  released: 'release',
  closed_by_agent: 'close',
  ended_by_agent: 'end',
  resumed: 'resume',
  assigned: 'assign',
  assigned_to_queue: 'assign',
  transfer_offered: 'transfer',
  transferred_to_queue: 'transfer',
  transfer_accepted: 'accept',
  transfer_declined: 'reject',
  force_closed: 'force-close',
}

/** The calls that the conversation allows now, for the answer to one that it does not. */
export function allowedCalls(phase: Phase): string[] {
  const allowed = Object.keys(table[phase]).flatMap((happening) => calls[happening as Happening] ?? [])
  return [...new Set(isInWork(phase) ? [...allowed, 'consult', 'send'] : allowed)]
}

/** Why a conversation is in its status (domain.md 2.5). */
export function reasonOf({ from, to, by }: Transition): string {
  if (by === 'assigned') return 'assigned_by_supervisor'
  if (to === 'open') return 'awaiting_agent_assignment'
  if (to === 'offered') return 'awaiting_agent_acceptance'
  if (isInWork(to)) return 'in_conversation'
  if (to === 'waiting') return 'awaiting_customer_response'
  if (to === 'wrap_up') return 'agent_moved_to_wrap_up'
  if (by === 'force_closed') return 'force_closed_by_supervisor'
  if (by === 'closed_by_agent') return 'conversation_ended_by_agent'
  if (by === 'overflow_ended') return 'closed_due_to_overflow'
  if (by === 'ended_without_members') return 'closed_due_to_failure'
  return from === 'waiting' ? 'auto_closed_from_waiting_state' : 'auto_closed_by_system'
}
