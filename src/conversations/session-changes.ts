import type { Conversation } from '../db/generated/client.js'
import type { Actor } from './change.js'
import type { Happening, Phase, Transition } from './lifecycle.js'
import { silenceOf } from './silence.js'

/** What a step means for the session of one agent: each time that an agent is given a conversation is one. */
export interface SessionChange {
  kind: 'offered' | 'started' | 'accepted' | 'ended'
  agentId: string
  /** Why it ended (domain.md 2.6) */
  reason: string | null
}

interface Step {
  transition: Transition
  by: Actor
  before: Conversation
  after: Conversation
}

export function sessionChanges(step: Step): SessionChange[] {
  return [...endings(step), ...beginnings(step)]
}

function beginnings({ transition: { from, to, by }, before, after }: Step): SessionChange[] {
  const begun = (kind: SessionChange['kind'], agentId: string | null): SessionChange[] =>
    agentId ? [{ kind, agentId, reason: null }] : []
  switch (by) {
    case 'picked':
    case 'resumed':
      return begun('started', after.agentId)
    case 'transfer_offered':
      return begun('offered', to === 'transferring' ? after.transferAgentId : after.agentId)
    case 'transfer_accepted':
      return begun('accepted', after.agentId)
    case 'accepted':
    case 'auto_accepted':
      return from === 'offered' ? begun('accepted', before.agentId) : []
    default:
      return to === 'offered' && from !== 'offered' ? begun('offered', after.agentId) : []
  }
}

const withAgent: readonly Phase[] = ['offered', 'active', 'transferring', 'wrap_up']
const withoutAgent: readonly Phase[] = ['open', 'waiting', 'closed']

/** That of the agent who had it, and that of the one to whom it was about to be transferred. */
function endings(step: Step): SessionChange[] {
  const { transition, before } = step
  const { from, to, by } = transition
  const isOver = by === 'transfer_accepted' || (withAgent.includes(from) && withoutAgent.includes(to))
  const ended = (agentId: string | null, reason: string): SessionChange[] =>
    agentId ? [{ kind: 'ended', agentId, reason }] : []
  return [
    ...(isOver ? ended(before.agentId, reasonOf(step)) : []),
    ...(from === 'transferring' && to !== 'transferring' && by !== 'transfer_accepted'
      ? ended(before.transferAgentId, offerReasons[by] ?? 'system_reject')
      : []),
  ]
}

const reasons: Partial<Record<Happening, string>> = {
  rejected: 'agent_reject',
  offer_expired: 'agent_timeout',
  agent_left: 'agent_disconnected',
  released: 'agent_rerouted',
  closed_by_agent: 'agent_closed',
  force_closed: 'force_close',
  auto_closed: 'auto_close',
}

function reasonOf({ transition: { from, by }, by: actor, before }: Step): string {
  if (from === 'wrap_up' && by !== 'force_closed') return 'agent_ended_conversation'
  if (by === 'transferred_to_queue')
    return actor.type === 'agent' ? 'agent_transfer_to_queue' : 'supervisor_assign_to_queue'
  if (by === 'transfer_accepted')
    return before.transferById === before.agentId ? 'agent_transferred' : 'supervisor_transfer_to_agent'
  if (by === 'closed_by_rule' || by === 'moved_to_waiting')
    return `${silenceOf(before)?.of ?? 'customer'}_non_response_timeout_rule`
  return reasons[by] ?? by
}

/** Why the other agent's part ended before it began. */
const offerReasons: Partial<Record<Happening, string>> = {
  transfer_declined: 'agent_reject',
  transfer_expired: 'agent_timeout',
  transfer_agent_left: 'agent_disconnected',
  force_closed: 'force_close',
  auto_closed: 'auto_close',
}
