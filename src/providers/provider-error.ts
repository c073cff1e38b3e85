/**
 * Everything that can go wrong between us and a provider. The set is closed: an adapter maps what it sees to one of
 * these, and nothing else leaves it.
 *
 * - `unreachable`         never reached the provider, so certainly not sent: refused, unresolved, no route
 * - `throttled`           the provider is busy and did not take it
 * - `outcome_unknown`     it may or may not have been sent: time-out, reset, 5xx, an answer we cannot read
 * - `rejected`            a definite no for this message
 * - `opted_out`           the recipient has opted out or blocked us
 * - `window_closed`       WhatsApp free text outside the 24-hour window
 * - `too_long`            more than the provider's limit of characters
 * - `misconfigured`       the account, its credentials or the number must be mended first
 */
export type ProviderErrorKind =
  | 'unreachable'
  | 'throttled'
  | 'outcome_unknown'
  | 'rejected'
  | 'opted_out'
  | 'window_closed'
  | 'too_long'
  | 'misconfigured'

const retryable: ReadonlySet<ProviderErrorKind> = new Set(['unreachable', 'throttled'])

export class ProviderError extends Error {
  readonly retryable: boolean

  /**
   * @param message a sentence for people: what happened and what to do
   * @param retryAfterMs how long the provider asks us to wait before the next attempt; null where it does not say
   */
  constructor(
    readonly kind: ProviderErrorKind,
    message: string,
    readonly providerCode: string | null = null,
    readonly retryAfterMs: number | null = null,
  ) {
    super(message)
    this.name = 'ProviderError'
    this.retryable = retryable.has(kind)
  }
}

export const windowClosedSentence =
  'This conversation has exceeded the 24 hour limit to respond to the customer.'

const longestRetryAfterMs = 3_600_000

/** The header Retry-After where it gives seconds; a date, which is rare here, is left to our own pace. At most an hour. */
export function readRetryAfter(header: unknown): number | null {
  if (typeof header !== 'string' || !/^\d{1,9}$/.test(header)) return null
  return Math.min(Number(header) * 1000, longestRetryAfterMs)
}
