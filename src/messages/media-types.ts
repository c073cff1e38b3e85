/** Which files may be sent, and how large (providers.md A5, B2). */
import type { Channel } from '../providers/provider.js'

const mebibyte = 1024 * 1024

export const maxUploadBytes = 16 * mebibyte
/** Files in one message: Twilio takes ten on MMS, WhatsApp one. */
export const maxFiles: Record<Channel, number> = { sms: 10, whatsapp: 1 }

const images = ['image/jpeg', 'image/png']

const whatsAppTypes = new Set([
  ...images,
  'image/webp',
  'audio/ogg',
  'audio/amr',
  'audio/3gpp',
  'audio/aac',
  'audio/mpeg',
  'video/mp4',
  'application/pdf',
  'application/msword',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'text/vcard',
])

const mmsTypes = new Set([...whatsAppTypes, 'image/gif', 'text/csv', 'video/3gpp', 'audio/mp4', 'text/plain'])

/** Why the provider would not take this file on this channel; null if it would. */
export function refuseFile(
  channel: Channel,
  { contentType, bytes }: { contentType: string; bytes: number },
): string | null {
  const types = channel === 'whatsapp' ? whatsAppTypes : mmsTypes
  if (!types.has(contentType)) return `Files of the type ${contentType} cannot be sent on this channel.`
  const limit = limitOf(channel, contentType)
  return bytes > limit ? `The file has ${bytes} bytes; at most ${limit} can be sent on this channel.` : null
}

function limitOf(channel: Channel, contentType: string): number {
  if (channel === 'whatsapp') return images.includes(contentType) ? 5 * mebibyte : maxUploadBytes
  return images.includes(contentType) || contentType === 'image/gif' ? 5 * mebibyte : 500 * 1024
}
