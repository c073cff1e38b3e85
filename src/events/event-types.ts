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
  'message.received',
  'message.queued',
  'message.sent',
  'message.delivered',
  'message.read',
  'message.undelivered',
  'message.failed',
  'message.unknown',
  'agent.presence_changed',
] as const
export type PublicEventType = (typeof publicEventTypes)[number]

/** Those that wake a lane and are heard by nobody: a rule, a member or a capacity has changed; a file is to be fetched. */
export type EventType = PublicEventType | 'routing.wanted' | 'media.wanted'

/** Something that happened, written in the transaction in which it happened. */
export interface DomainEvent {
  type: EventType
  at: Date
  /** Who hears it besides admins: supervisors of the queue, all its members with `toMembers`, and the agents named */
  queueId: string | null
  toMembers?: boolean
  agentIds: string[]
  /** The objects as the API shows them at that moment */
  data: { conversation?: unknown; message?: unknown; agent?: unknown; offer?: unknown }
}
