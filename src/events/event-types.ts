/** What agents' interfaces hear of (api.md 7). */
export const publicEventTypes = [
  'conversation.opened',
  'conversation.offered',
  'conversation.assigned',
  'conversation.queued',
  'conversation.waiting',
  'conversation.wrap_up',
  'conversation.closed',
  'conversation.transferred',
  'conversation.linked',
  'conversation.participants_changed',
  'message.received',
  'message.noted',
  'message.queued',
  'message.sent',
  'message.delivered',
  'message.read',
  'message.undelivered',
  'message.failed',
  'message.unknown',
  'agent.presence_changed',
  'agent.notified',
  'queue.has_no_members',
  'bulk_action.finished',
] as const
export type PublicEventType = (typeof publicEventTypes)[number]

/**
 * Those that nobody hears. Three wake a lane: a rule, a member or a capacity has changed; a file is to be fetched; a bulk
 * action was asked for. One ends streams: a key or token was revoked, the role of an agent's tokens has changed, or the organization was suspended.
 */
export type EventType =
  | PublicEventType
  | 'routing.wanted'
  | 'media.wanted'
  | 'bulk_action.wanted'
  | 'access.changed'

/** Whose access has changed; neither: everybody's. */
export interface AccessChange {
  keyId?: string
  agentId?: string
}

/** Something that happened, written in the transaction in which it happened. */
export interface DomainEvent {
  type: EventType
  at: Date
  /** Who hears it besides admins: supervisors of the queue, all its members with `toMembers`, and the agents named */
  queueId: string | null
  toMembers?: boolean
  agentIds: string[]
  /** The objects as the API shows them at that moment */
  data: {
    conversation?: unknown
    queue?: unknown
    consult?: unknown
    participant?: unknown
    message?: unknown
    agent?: unknown
    offer?: unknown
    notification?: unknown
    bulkAction?: unknown
    access?: AccessChange
  }
}
