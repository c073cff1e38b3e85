import type { Conversation } from '../db/generated/client.js'
import { later, seconds } from '../lib/clock.js'
import {
  incomingSlot,
  type OfferTemplates,
  type OfferTerms,
  offerTerms,
} from '../notification-templates/offer-terms.js'
import type { Capacity } from './capacity.js'
import { activeAt, type ClosingTerms, closesAt, dueAt, notBeforeBlock, overflowAt } from './due-times.js'
import { type Happening, nextPhase, phaseOf, reasonOf, statusOf, type Transition } from './lifecycle.js'
import { type SessionChange, sessionChanges } from './session-changes.js'
import { nextTimeout, type TimeoutTimes } from './silence.js'

/** What of the workstream decides how long things last. */
export interface WorkTerms extends ClosingTerms, TimeoutTimes {
  capacityUnits: number
  /** How long wrap-up holds capacity: null always, 0 not at all */
  wrapUpBlockSeconds: number | null
  /** Whether one that returns goes to whoever had it, ahead of what else waits */
  keepSameAgent: boolean
  offerTemplates?: OfferTemplates | null
}

/** Who made a step. The id is an agent's; keys that name no agent have none. */
export interface Actor {
  type: 'customer' | 'agent' | 'supervisor' | 'system'
  id: string | null
}

/** Something that happens to a conversation, with what it brings. */
export type ConversationEvent =
  | { type: 'offered' | 'picked' | 'resumed'; agentId: string }
  | { type: 'routed'; queueId: string; overflowAfterMinutes: number | null }
  | { type: 'overflow_ended' | 'ended_without_members'; queueId: string }
  /** Messages of the customer; `lastAt` is when the callback of the last one reached us */
  | { type: 'customer_wrote'; messages: number; lastAt: Date }
  | { type: 'assigned'; agentId: string; by: Actor; override: boolean }
  | { type: 'transfer_offered'; agentId: string; by: Actor }
  | {
      type: 'transferred_to_queue' | 'assigned_to_queue'
      queueId: string
      overflowAfterMinutes: number | null
      by: Actor
    }
  | { type: 'force_closed' | 'messaged'; by: Actor }
  | { type: PlainHappening }

/** Those that bring nothing. */
type PlainHappening = Exclude<
  Happening,
  | 'offered'
  | 'picked'
  | 'resumed'
  | 'routed'
  | 'overflow_ended'
  | 'ended_without_members'
  | 'customer_wrote'
  | 'assigned'
  | 'assigned_to_queue'
  | 'transfer_offered'
  | 'transferred_to_queue'
  | 'force_closed'
  | 'messaged'
>

/** One step of one conversation: what to write, and what it means for the agent. */
export interface ConversationChange {
  transition: Transition
  by: Actor
  before: Conversation
  after: Conversation
  sessions: SessionChange[]
  /** Where it is offered to somebody */
  offer: OfferTerms | null
  /** The agent who had it and goes on as a consultant */
  consultant: string | null
  /** What the agent gets back */
  released: (Capacity & { agentId: string }) | null
}

/** Among what waits in a queue; smaller first */
export const defaultPriority = 100

interface Step {
  before: Conversation
  after: Conversation
  transition: Transition
  offer: OfferTerms | null
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
  const offer = offerOf(transition, before, terms)
  const step: Step = { before, after: { ...before }, transition, offer, terms, now }
  if (transition.from !== transition.to) enterPhase(step)
  apply(step, event)
  const released = settleCapacity(step)
  step.after.closesAt = notBeforeBlock(step.after)
  const by = 'by' in event ? event.by : actorOf(step)
  const sessions = sessionChanges({ transition, by, before, after: step.after })
  if (sessions.some(({ kind, agentId }) => kind === 'ended' && agentId === before.agentId))
    sendAway(step.after)
  const consultant = consultantAfter(transition, before)
  if (consultant) step.after.participantIds = [consultant]
  step.after.overflowAt = overflowAt(step.after)
  step.after.dueAt = dueAt(step.after)
  return { transition, by, before, after: step.after, sessions, offer, consultant, released }
}

/** With what it is offered, where this step does that. */
function offerOf({ from, to, by }: Transition, row: Conversation, terms: WorkTerms): OfferTerms | null {
  if (from === to || (to !== 'offered' && to !== 'transferring')) return null
  if (by === 'offered') return offerTerms(terms.offerTemplates, incomingSlot(row))
  return offerTerms(terms.offerTemplates, to === 'transferring' ? 'transfer' : 'supervisor_assign')
}

/** One that is accepted by itself is due at once. */
const expiryOf = (offer: OfferTerms | null, now: Date): Date | null =>
  offer && (offer.autoAccept ? now : later(now, seconds(offer.countdownSeconds)))

/** What the event brings beyond the new phase. */
function apply(step: Step, event: ConversationEvent): void {
  const { after, transition, now } = step
  switch (event.type) {
    case 'offered':
    case 'picked':
    case 'resumed':
    case 'assigned':
      giveTo(step, event.agentId)
      break
    case 'transfer_offered':
      if (transition.to === 'offered') giveTo(step, event.agentId)
      else offerTransfer(step, event)
      break
    case 'transfer_accepted':
      takeOver(step)
      break
    case 'transferred_to_queue':
      after.transferCount += 1
      enterQueue(step, event)
      break
    case 'routed':
      enterQueue(step, event)
      break
    case 'assigned_to_queue':
      enterQueue(step, event)
      after.closesAt = closesAt(after.status, step.terms, now)
      break
    case 'overflow_ended':
    case 'ended_without_members':
      after.queueId = event.queueId
      break
    case 'customer_wrote':
      countMessages(after, event.messages, event.lastAt)
      after.timeoutAt = nextTimeout(after, step.terms)
      break
    case 'messaged':
      if (transition.to === 'waiting') after.closesAt = closesAt('waiting', step.terms, now)
      break
    case 'accepted':
    case 'auto_accepted':
      if (transition.from === 'offered') after.acceptedAt = now
      break
  }
}

/** Whoever takes part beside an agent leaves with that agent's session. */
function sendAway(after: Conversation): void {
  after.participantIds = []
  after.invitedIds = []
  after.invitationsExpireAt = null
}

/** From whom a supervisor has taken it for the agent who accepts it now (domain.md 15.1). */
const consultantAfter = ({ by }: Transition, { agentId, transferById }: Conversation): string | null =>
  by === 'transfer_accepted' && transferById !== agentId ? agentId : null

const bySystem = new Set<Happening>([
  'routed',
  'overflow_ended',
  'ended_without_members',
  'offered',
  'offer_expired',
  'auto_accepted',
  'agent_left',
  'transfer_expired',
  'transfer_agent_left',
  'auto_closed',
  'closed_by_rule',
  'moved_to_waiting',
])

/** Who makes a step that does not say: the customer, the system, or the agent whose conversation it is. */
function actorOf({ before, after, transition: { by } }: Step): Actor {
  if (by === 'customer_wrote') return { type: 'customer', id: null }
  if (bySystem.has(by)) return { type: 'system', id: null }
  if (by === 'transfer_declined') return { type: 'agent', id: before.transferAgentId }
  return { type: 'agent', id: after.agentId ?? before.agentId }
}

function enterPhase({ after, transition, offer, terms, now }: Step): void {
  const { from, to } = transition
  after.status = statusOf(to)
  after.statusReason = reasonOf(transition)
  after.statusUpdatedAt = now
  after.closesAt = closesAt(after.status, terms, now)
  if (to !== 'offered') after.offerExpiresAt = null
  after.offerAutoAssign = offer?.autoAssign ?? false
  if (from === 'transferring') {
    after.transferAgentId = after.transferById = null
    after.transferOfferedAt = after.transferExpiresAt = null
  }
  after.isReturning = transition.by === 'customer_wrote' && to === 'open' && terms.keepSameAgent
  after.parkedReason = null
  if (to === 'open') {
    // An offer that comes back takes its place again
    if (from !== 'offered') after.queuedAt = now
    after.agentId = null
    after.offeredAt = null
    after.acceptedAt = null
  }
  if (to === 'wrap_up') after.resolvedAt = now
  if (to === 'closed') after.closedAt = now
  if (to === 'wrap_up' || to === 'closed') after.timeoutAt = null
}

function giveTo({ after, transition: { to }, offer, terms, now }: Step, agentId: string): void {
  hold(after, agentId, terms)
  after.offeredAt = to === 'offered' ? now : after.offeredAt
  after.offerExpiresAt = expiryOf(offer, now)
  after.acceptedAt = to === 'active' ? now : null
  after.offerUnseen = false
}

function hold(after: Conversation, agentId: string | null, terms: WorkTerms): void {
  const { units, profileIds } = capacityOf(after, terms)
  after.agentId = agentId
  after.heldUnits = units
  after.heldProfileIds = [...profileIds]
}

/** What a conversation takes from the agent who gets it. */
export const capacityOf = (
  { capacityProfileIds }: Pick<Conversation, 'capacityProfileIds'>,
  { capacityUnits }: Pick<WorkTerms, 'capacityUnits'>,
): Capacity => ({ units: capacityProfileIds.length > 0 ? 0 : capacityUnits, profileIds: capacityProfileIds })

function offerTransfer({ after, offer, now }: Step, { agentId, by }: { agentId: string; by: Actor }): void {
  after.transferAgentId = agentId
  after.transferById = by.id
  after.transferOfferedAt = now
  after.transferExpiresAt = expiryOf(offer, now)
}

/** The other agent has accepted: from now on it is theirs. */
function takeOver({ before, after, terms, now }: Step): void {
  hold(after, before.transferAgentId, terms)
  after.offeredAt = before.transferOfferedAt
  after.acceptedAt = now
  after.transferCount += 1
}

function enterQueue(
  { after, now }: Step,
  { queueId, overflowAfterMinutes }: { queueId: string; overflowAfterMinutes: number | null },
): void {
  after.queueId = queueId
  after.overflowAfterMinutes = overflowAfterMinutes
  after.queuedAt = now
  after.parkedReason = null
}

function countMessages(after: Conversation, messages: number, lastAt: Date): void {
  after.unreadCount += messages
  if (!after.lastInboundAt || lastAt > after.lastInboundAt) after.lastInboundAt = lastAt
  if (lastAt > after.lastMessageAt) after.lastMessageAt = lastAt
  after.activeAt = activeAt(after.lastMessageAt)
}

/**
 * Gives the agent's capacity back: at once when the conversation leaves them, in wrap-up as the workstream says. A
 * conversation that closes before its wrap-up time has run out goes on holding capacity until then (domain.md 2.3).
 */
function settleCapacity({ before, after, transition, terms, now }: Step): ConversationChange['released'] {
  const { from, to, by } = transition
  const { agentId, heldUnits: units, heldProfileIds: profileIds } = before
  if (!agentId || (units === 0 && profileIds.length === 0)) return null
  if (by === 'transfer_accepted') return { agentId, units, profileIds }
  if (from === to || statusOf(to) === 'active') return null
  if (to === 'wrap_up' && terms.wrapUpBlockSeconds !== 0) {
    after.releaseUnitsAt =
      terms.wrapUpBlockSeconds === null ? null : later(now, seconds(terms.wrapUpBlockSeconds))
    return null
  }
  if (from === 'wrap_up' && before.releaseUnitsAt && before.releaseUnitsAt > now) return null
  after.heldUnits = 0
  after.heldProfileIds = []
  after.releaseUnitsAt = null
  return { agentId, units, profileIds }
}
