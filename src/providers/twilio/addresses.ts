import type { Channel } from '../provider.js'

/** WhatsApp addresses have a prefix, in both From and To; a mixed pair is refused with 21910. */
export function twilioAddress(channel: Channel, address: string): string {
  return channel === 'whatsapp' ? `whatsapp:${address}` : address
}
