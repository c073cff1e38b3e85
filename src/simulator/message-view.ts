import type { MediaStore } from './media.js'
import type { SimulatedMessage } from './state.js'

export interface MessageView {
  id: string
  provider: 'twilio' | 'telesign'
  accountId: string
  channel: 'sms' | 'whatsapp'
  direction: 'inbound' | 'outbound'
  customer: string
  number: string
  text: string
  media: { url: string; contentType: string; fileName: string | null }[]
  /** Where the business asked a sent file to be fetched from, or a foreign URL that the customer's message named. */
  mediaUrls: string[]
  location: SimulatedMessage['location']
  status: string
  error: { code: string; message: string | null } | null
  externalId: string | null
  automatic: boolean
  createdAt: string
  statuses: { status: string; at: string }[]
  callbacks: {
    kind: 'inbound' | 'status'
    status: string
    answer: number | null
    attempts: number
    error: string | null
  }[]
}

/** A message as the page and tests see it. */
export function messageView(message: SimulatedMessage, media: MediaStore): MessageView {
  const { id, provider, accountId, channel, direction, customer, number, text } = message
  const files = message.mediaIds.flatMap((mediaId) => media.get(mediaId) ?? [])
  return {
    id,
    provider,
    accountId,
    channel,
    direction,
    customer,
    number,
    text,
    media: files.map((file) => ({
      url: `/cdn/${file.id}/${file.cdnToken}`,
      contentType: file.contentType,
      fileName: file.fileName,
    })),
    mediaUrls: message.mediaUrls,
    location: message.location,
    status: message.status,
    error: message.errorCode === null ? null : { code: message.errorCode, message: message.errorMessage },
    externalId: message.externalId,
    automatic: message.automatic,
    createdAt: message.createdAt.toISOString(),
    statuses: message.statuses.map(({ status, at }) => ({ status, at: at.toISOString() })),
    callbacks: message.callbacks.map(({ kind, status, outcome }) => ({
      kind,
      status,
      answer: outcome?.status ?? null,
      attempts: outcome?.attempts ?? 0,
      error: outcome?.error ?? null,
    })),
  }
}
