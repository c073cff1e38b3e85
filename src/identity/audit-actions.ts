/** What is written down, each as `thing.happening`: changes of the configuration, and decisions about kept callbacks and messages. */
const changes = [
  'organization.created',
  'organization.changed',
  'api_key.created',
  'api_key.revoked',
  'agent.created',
  'agent.changed',
  'agent.token_created',
  'agent.presence_set',
  'agent.capacity_profile_set',
  'agent.capacity_profile_removed',
  'capacity_profile.created',
  'capacity_profile.changed',
  'capacity_profile.deleted',
  'contact.created',
  'contact.changed',
  'contact.deleted',
  'channel_account.created',
  'channel_account.changed',
  'channel_account.deleted',
  'channel_account.validated',
  'channel_account.backfilled',
  'channel_number.created',
  'channel_number.changed',
  'channel_number.deleted',
  'callback.released',
  'organization.callbacks_released',
  'queue.created',
  'queue.changed',
  'queue.deleted',
  'queue.member_added',
  'queue.member_removed',
  'workstream.created',
  'workstream.changed',
  'workstream.deleted',
  'workstream.rules_replaced',
  'workstream.channel_added',
  'workstream.channel_changed',
  'workstream.channel_removed',
  'message.resent',
  'message.dismissed',
] as const

/** Who read what customers and agents said. */
const readings = [
  'conversation.messages_read',
  'conversation.summary_read',
  'media.read',
  'organization.events_opened',
  'organization.quarantine_read',
  'organization.unknown_messages_read',
] as const

export const auditActions = [...changes, ...readings] as const

export type AuditAction = (typeof auditActions)[number]
