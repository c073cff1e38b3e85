/**
 * What becomes of a message on its way out only moves forward: reports come late, twice and out of order (providers.md
 * A4, C6). `sent` means that the provider has taken it, so a report of anything earlier says the same. A failure is
 * final; `unknown` gives way to whatever the provider says.
 */
import type { DeliveryStatus } from '../providers/provider.js'

export type OutboundStatus =
  | 'queued'
  | 'sending'
  | 'sent'
  | 'delivered'
  | 'read'
  | 'undelivered'
  | 'failed'
  | 'unknown'

const rank: Record<OutboundStatus, number> = {
  queued: 0,
  sending: 1,
  unknown: 2,
  sent: 3,
  delivered: 4,
  read: 5,
  undelivered: 6,
  failed: 6,
}

const meaning: Record<DeliveryStatus, OutboundStatus> = {
  queued: 'sent',
  sending: 'sent',
  sent: 'sent',
  delivered: 'delivered',
  read: 'read',
  undelivered: 'undelivered',
  failed: 'failed',
}

/** The status after a report; null where it changes nothing. */
export function advance(current: OutboundStatus, reported: DeliveryStatus): OutboundStatus | null {
  const next = meaning[reported]
  const isFailure = rank[next] === rank.failed
  // What has been delivered did not fail, whatever a late report says
  if (isFailure && (current === 'delivered' || current === 'read')) return null
  return rank[next] > rank[current] ? next : null
}
