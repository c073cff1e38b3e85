import type { OutboundMessage } from './provider.js'
import { ProviderError, windowClosedSentence } from './provider-error.js'

/** UTF-16 units. Neither provider says what it counts, and no other unit gives a smaller text (providers.md A5, C2). */
export const maxTextLength = 1600

export const replyWindowMs = 24 * 60 * 60 * 1000

/** WhatsApp takes free text for 24 hours after the customer's last message, and none before the first. */
export function isReplyWindowOpen(lastInboundAt: Date | null, now: Date): boolean {
  return lastInboundAt !== null && now.getTime() < lastInboundAt.getTime() + replyWindowMs
}

/**
 * The last check before a message leaves, whatever was checked earlier.
 *
 * @throws ProviderError `too_long`, `window_closed`, or `rejected` where there is nothing to send
 */
export function refuseUnsendable(message: OutboundMessage, now: Date): void {
  if (message.text.length > maxTextLength) {
    throw new ProviderError(
      'too_long',
      `The message has ${message.text.length} characters; at most ${maxTextLength} can be sent. Shorten it or send it in parts.`,
    )
  }
  if (message.text === '' && message.mediaUrls.length === 0) {
    throw new ProviderError('rejected', 'The message is empty: give it a text or a file.')
  }
  if (message.channel === 'whatsapp' && !isReplyWindowOpen(message.lastInboundAt, now)) {
    throw new ProviderError('window_closed', windowClosedSentence)
  }
}
