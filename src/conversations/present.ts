import type { z } from 'zod'
import type { Conversation, Participant, StatusChange } from '../db/generated/client.js'
import { later } from '../lib/clock.js'
import { isReplyWindowOpen, replyWindowMs } from '../providers/last-gate.js'
import type { ShownConversation } from './list-repository.js'
import type { consultSchema, conversationSchema, sessionSchema, statusChangeSchema } from './schemas.js'

export interface ContactName {
  id: string
  name: string
}

const iso = (moment: Date | null): string | null => moment?.toISOString() ?? null

/** A conversation as callers see it. */
export function presentConversation(
  row: ShownConversation,
  contact: ContactName | null,
  now: Date,
): z.infer<typeof conversationSchema> {
  return {
    id: row.id,
    status: row.status,
    statusReason: row.statusReason,
    channel: row.channel,
    provider: row.provider,
    customerAddress: row.customerAddress,
    businessNumber: row.businessNumber,
    language: row.language,
    contact: contact && { id: contact.id, name: contact.name },
    authenticated: row.authenticated,
    workstreamId: row.workstreamId,
    queueId: row.queueId,
    agentId: row.agentId,
    offeredAt: iso(row.offeredAt),
    offerExpiresAt: iso(row.offerExpiresAt),
    acceptedAt: iso(row.acceptedAt),
    transfer: transferOf(row),
    transferCount: row.transferCount,
    replyWindow: replyWindow(row, now),
    unreadCount: row.unreadCount,
    context: row.context as Record<string, string | number>,
    createdAt: row.createdAt.toISOString(),
    statusUpdatedAt: row.statusUpdatedAt.toISOString(),
    lastInboundAt: iso(row.lastInboundAt),
    lastMessageAt: row.lastMessageAt.toISOString(),
    resolvedAt: iso(row.resolvedAt),
    closesAt: iso(row.closesAt),
    closedAt: iso(row.closedAt),
  }
}

function transferOf({
  transferAgentId,
  transferById,
  transferOfferedAt,
  transferExpiresAt,
}: ShownConversation) {
  if (!transferAgentId || !transferOfferedAt || !transferExpiresAt) return null
  return {
    agentId: transferAgentId,
    requestedBy: transferById,
    offeredAt: transferOfferedAt.toISOString(),
    expiresAt: transferExpiresAt.toISOString(),
  }
}

/** WhatsApp only: until when free text may be sent. SMS has no such window. */
function replyWindow(row: ShownConversation, now: Date): { open: boolean; expiresAt: string } | null {
  if (row.channel !== 'whatsapp' || !row.lastInboundAt) return null
  const expiresAt = later(row.lastInboundAt, replyWindowMs)
  return { open: isReplyWindowOpen(row.lastInboundAt, now), expiresAt: expiresAt.toISOString() }
}

interface SessionRow {
  id: string
  conversationId: string
  agentId: string
  queueId: string | null
  createdAt: Date
  offeredAt: Date | null
  acceptedAt: Date | null
  closedAt: Date | null
  closureReason: string | null
}

/** @param others who took part beside the agent, in any session */
export function presentSession(
  row: SessionRow,
  others: readonly Participant[],
): z.infer<typeof sessionSchema> {
  const primary = {
    agentId: row.agentId,
    mode: 'primary' as const,
    joinedAt: row.acceptedAt,
    leftAt: row.closedAt,
  }
  const own = others.filter(({ sessionId }) => sessionId === row.id)
  return {
    id: row.id,
    conversationId: row.conversationId,
    agentId: row.agentId,
    queueId: row.queueId,
    openedAt: row.createdAt.toISOString(),
    offeredAt: iso(row.offeredAt),
    acceptedAt: iso(row.acceptedAt),
    closedAt: iso(row.closedAt),
    closureReason: row.closureReason,
    participants: [primary, ...own].filter(({ joinedAt }) => joinedAt).map(presentParticipant),
  }
}

type ParticipantRow = Pick<Participant, 'agentId' | 'joinedAt' | 'leftAt'> & {
  mode: 'primary' | Participant['mode']
}

export const presentParticipant = ({ agentId, mode, joinedAt, leftAt }: ParticipantRow) => ({
  agentId,
  mode,
  joinedAt: iso(joinedAt) ?? '',
  leftAt: iso(leftAt),
})

type ConsultView = z.infer<typeof consultSchema>

function consultStatus({ joinedAt, addedAt, leftAt }: Participant): ConsultView['status'] {
  if (leftAt) return 'ended'
  if (addedAt) return 'added'
  return joinedAt ? 'accepted' : 'offered'
}

export const presentConsult = (row: Participant): ConsultView => ({
  id: row.id,
  conversationId: row.conversationId,
  agentId: row.agentId,
  invitedBy: row.invitedById,
  status: consultStatus(row),
  offeredAt: row.createdAt.toISOString(),
  expiresAt: iso(row.expiresAt),
  acceptedAt: iso(row.joinedAt),
  addedAt: iso(row.addedAt),
  endedAt: iso(row.leftAt),
  endReason: row.endReason,
})

type Step = z.infer<typeof statusChangeSchema>

export const presentStatusChange = (row: StatusChange): Step => ({
  id: row.id,
  at: row.at.toISOString(),
  happening: row.happening,
  status: row.status,
  reason: row.reason,
  by: { type: row.actor as Step['by']['type'], id: row.actorId },
  agentId: row.agentId,
  queueId: row.queueId,
})

/** The opening has no row of its own. */
export const presentOpening = ({ id, createdAt }: Conversation): Step => ({
  id,
  at: createdAt.toISOString(),
  happening: 'opened',
  status: 'open',
  reason: 'awaiting_agent_assignment',
  by: { type: 'customer', id: null },
  agentId: null,
  queueId: null,
})
