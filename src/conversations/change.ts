import type { Conversation } from '../db/generated/client.js'
import { days, later, minutes, seconds } from '../lib/clock.js'
import type { Capacity } from './capacity.js'
import { type Happening, nextPhase, phaseOf, reasonOf, statusOf, type Transition } from './lifecycle.js'

/** What of the workstream decides how long things last. */
export interface WorkTerms {
  autoCloseAfterMinutes: number
  capacityUnits: number
  /** How long wrap-up holds capacity: null always, 0 not at all */
  wrapUpBlockSeconds: number | null
}

/** Who made a step. The id is an agent's; keys that name no agent have none. */
export interface Actor {
  type: 'customer' | 'agent' | 'supervisor' | 'system'
  id: string | null
}

/** Something that happens to a conversation, with what it brings. */
export type ConversationEvent =
  | { type: 'offered' | 'picked' | 'resumed'; agentId: string }
  | { type: 'routed'; queueId: string }
  /** Messages of the customer; `lastAt` is when the callback of the last one reached us */
  | { type: 'customer_wrote'; messages: number; lastAt: Date }
  | { type: 'force_closed'; by: Actor }
  | {
      type: Exclude<
        Happening,
        'offered' | 'picked' | 'resumed' | 'routed' | 'customer_wrote' | 'force_closed'
      >
    }

export interface SessionChange {
  kind: 'offered' | 'started' | 'accepted' | 'ended'
  agentId: string
  reason: string | null
}

/** One step of one conversation: what to write, and what it means for the agent. */
export interface ConversationChange {
  transition: Transition
  by: Actor
  before: Conversation
  after: Conversation
  session: SessionChange | null
  /** What the agent gets back */
  released: (Capacity & { agentId: string }) | null
}

const offerSeconds = 120
const idleDays = 30
const wrapUpDays = 1

/** Why a session ended (domain.md 2.6). */
const sessionReasons: Partial<Record<Happening, string>> = {
  rejected: 'agent_reject',
  offer_expired: 'agent_timeout',
  agent_left: 'agent_disconnected',
  released: 'agent_rerouted',
  closed_by_agent: 'agent_closed',
  force_closed: 'force_close',
  auto_closed: 'auto_close',
}

interface Step {
  before: Conversation
  after: Conversation
  transition: Transition
  terms: WorkTerms
  now: Date
}

/** Works out one step, or null where the conversation does not allow it. Pure: `now` comes in, nothing is written. */
export function changeConversation(
  before: Conversation,
  event: ConversationEvent,
  terms: WorkTerms,
  now: Date,
): ConversationChange | null {
  const transition = nextPhase(phaseOf(before), event.type)
  if (!transition) return null
  const step: Step = { before, after: { ...before }, transition, terms, now }
  if (transition.from !== transition.to) enterPhase(step)
  if ('agentId' in event) giveTo(step, event.agentId)
  if (event.type === 'routed') enterQueue(step, event.queueId)
  if (event.type === 'customer_wrote') countMessages(step.after, event.messages, event.lastAt)
  const released = settleCapacity(step)
  step.after.dueAt = dueAt(step.after)
  const by = 'by' in event ? event.by : actorOf(step)
  return { transition, by, before, after: step.after, session: sessionChange(step), released }
}

const bySystem = new Set<Happening>(['routed', 'offered', 'offer_expired', 'agent_left', 'auto_closed'])

/** Who makes a step that does not say: the customer, the system, or the agent whose conversation it is. */
function actorOf({ before, after, transition: { by } }: Step): Actor {
  if (by === 'customer_wrote') return { type: 'customer', id: null }
  if (bySystem.has(by)) return { type: 'system', id: null }
  return { type: 'agent', id: after.agentId ?? before.agentId }
}

function enterPhase({ after, transition, terms, now }: Step): void {
  const { to, by } = transition
  after.status = statusOf(to)
  after.statusReason = reasonOf(transition)
  after.statusUpdatedAt = now
  after.closesAt = closesAt(after.status, terms, now)
  if (to === 'active' && by === 'accepted') after.acceptedAt = now
  if (to !== 'offered') after.offerExpiresAt = null
  if (to === 'open') {
    after.queuedAt = now
    after.agentId = null
    after.offeredAt = null
    after.acceptedAt = null
  }
  if (to === 'wrap_up') after.resolvedAt = now
  if (to === 'closed') after.closedAt = now
}

function giveTo({ after, transition: { to }, terms, now }: Step, agentId: string): void {
  const { units, profileIds } = capacityOf(after, terms)
  after.agentId = agentId
  after.heldUnits = units
  after.heldProfileIds = [...profileIds]
  after.offeredAt = to === 'offered' ? now : after.offeredAt
  after.offerExpiresAt = to === 'offered' ? later(now, seconds(offerSeconds)) : null
  after.acceptedAt = to === 'active' ? now : null
}

/** What a conversation takes from the agent who gets it. */
export const capacityOf = (
  { capacityProfileIds }: Pick<Conversation, 'capacityProfileIds'>,
  { capacityUnits }: Pick<WorkTerms, 'capacityUnits'>,
): Capacity => ({ units: capacityProfileIds.length > 0 ? 0 : capacityUnits, profileIds: capacityProfileIds })

function enterQueue({ after, now }: Step, queueId: string): void {
  after.queueId = queueId
  after.queuedAt = now
}

function countMessages(after: Conversation, messages: number, lastAt: Date): void {
  after.unreadCount += messages
  if (!after.lastInboundAt || lastAt > after.lastInboundAt) after.lastInboundAt = lastAt
  if (lastAt > after.lastMessageAt) after.lastMessageAt = lastAt
  after.activeAt = activeAt(after.lastMessageAt)
}

const activityStep = minutes(10)

/** The last message's time as coarse as lists by activity are indexed; the database checks that it is. */
export const activeAt = (lastMessageAt: Date): Date =>
  new Date(Math.floor(lastMessageAt.getTime() / activityStep) * activityStep)

/** When it closes by itself: open and active after 30 days, wrap-up after one, waiting by its workstream (domain.md 2.4). */
export function closesAt(status: Conversation['status'], terms: WorkTerms, now: Date): Date | null {
  if (status === 'closed') return null
  if (status === 'waiting') return later(now, minutes(terms.autoCloseAfterMinutes))
  return later(now, days(status === 'wrap_up' ? wrapUpDays : idleDays))
}

/**
 * Gives the agent's capacity back: at once when the conversation leaves them, in wrap-up as the workstream says. A
 * conversation that closes before its wrap-up time has run out goes on holding capacity until then (domain.md 2.3).
 */
function settleCapacity({ before, after, transition, terms, now }: Step): ConversationChange['released'] {
  const { from, to } = transition
  const keeps = from === to || to === 'offered' || to === 'active'
  const holdsNothing = before.heldUnits === 0 && before.heldProfileIds.length === 0
  if (keeps || !before.agentId || holdsNothing) return null
  if (to === 'wrap_up' && terms.wrapUpBlockSeconds !== 0) {
    after.releaseUnitsAt =
      terms.wrapUpBlockSeconds === null ? null : later(now, seconds(terms.wrapUpBlockSeconds))
    return null
  }
  if (from === 'wrap_up' && before.releaseUnitsAt && before.releaseUnitsAt > now) return null
  after.heldUnits = 0
  after.heldProfileIds = []
  after.releaseUnitsAt = null
  return { agentId: before.agentId, units: before.heldUnits, profileIds: before.heldProfileIds }
}

function sessionChange({ before, after, transition: { from, to, by } }: Step): SessionChange | null {
  if (by === 'offered' || by === 'picked' || by === 'resumed') {
    return { kind: by === 'offered' ? 'offered' : 'started', agentId: after.agentId ?? '', reason: null }
  }
  if (!before.agentId) return null
  if (by === 'accepted' && from === 'offered')
    return { kind: 'accepted', agentId: before.agentId, reason: null }
  const hadAgent = from === 'offered' || from === 'active' || from === 'wrap_up'
  if (!hadAgent || from === to || to === 'active' || to === 'wrap_up') return null
  const reason = from === 'wrap_up' && by !== 'force_closed' ? 'agent_ended_conversation' : sessionReasons[by]
  return { kind: 'ended', agentId: before.agentId, reason: reason ?? by }
}

/** The earliest moment at which something must happen by itself. */
export function dueAt(
  conversation: Pick<Conversation, 'offerExpiresAt' | 'closesAt' | 'releaseUnitsAt'>,
): Date | null {
  const moments = [conversation.offerExpiresAt, conversation.closesAt, conversation.releaseUnitsAt]
  const times = moments.flatMap((moment) => (moment ? [moment.getTime()] : []))
  return times.length > 0 ? new Date(Math.min(...times)) : null
}
