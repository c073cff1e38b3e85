import type { OrgTx } from '../db/database.js'
import type { Message } from '../db/generated/client.js'
import { later, seconds } from '../lib/clock.js'
import type { Logger } from '../lib/logger.js'
import type { SendReceipt } from '../providers/provider.js'
import { ProviderError, type ProviderErrorKind } from '../providers/provider-error.js'
import { announceDeliveries } from './announce-deliveries.js'
import { applyStatus, optOutCustomersOf } from './reports.js'
import { lockMessages, saveDeliveries } from './repository.js'

/** What a call to the provider led to. */
export type SendOutcome =
  | { kind: 'taken'; messageId: string; receipt: SendReceipt }
  /** Certainly not sent: again later, a few times, and no sooner than the provider asks for */
  | { kind: 'later'; messageId: string; error: SendError; retryAfterMs: number | null }
  | { kind: 'failed'; messageId: string; error: SendError; optedOut: boolean }
  /** It may or may not have been sent */
  | { kind: 'unclear'; messageId: string }

export interface SendError {
  code: string
  message: string
  providerCode: string | null
}

export const maxAttempts = 6
const firstRetry = seconds(5)
/** How soon a lost answer is looked for */
const firstSettlement = seconds(5)

const codes: Record<ProviderErrorKind, string> = {
  unreachable: 'provider_unreachable',
  throttled: 'provider_busy',
  outcome_unknown: 'outcome_unknown',
  rejected: 'provider_rejected',
  opted_out: 'contact_opted_out',
  window_closed: 'session_window_closed',
  too_long: 'message_too_long',
  misconfigured: 'account_misconfigured',
}

/** Reads what an adapter threw. Anything but a ProviderError is a defect of ours, and its outcome is unclear. */
export function toOutcome({ id: messageId }: Message, thrown: unknown, log: Logger): SendOutcome {
  if (!(thrown instanceof ProviderError)) {
    log.error({ err: thrown, messageId }, 'an adapter failed in a way that it must not')
    return { kind: 'unclear', messageId }
  }
  const error = { code: codes[thrown.kind], message: thrown.message, providerCode: thrown.providerCode }
  log.info(
    { messageId, code: error.code, providerCode: error.providerCode },
    'the provider did not take a message',
  )
  if (thrown.kind === 'outcome_unknown') return { kind: 'unclear', messageId }
  if (thrown.retryable) return { kind: 'later', messageId, error, retryAfterMs: thrown.retryAfterMs }
  return { kind: 'failed', messageId, error, optedOut: thrown.kind === 'opted_out' }
}

/** Commits what became of several messages together. A report may have been faster: the status only moves forward. */
export async function recordOutcomes(tx: OrgTx, outcomes: readonly SendOutcome[], now: Date): Promise<void> {
  const rows = await lockMessages(
    tx,
    outcomes.map(({ messageId }) => messageId),
  )
  const messages = new Map(rows.map((row) => [row.id, row]))
  const changed: Message[] = []
  const told: Message[] = []
  const optedOut: string[] = []
  for (const outcome of outcomes) {
    const message = messages.get(outcome.messageId)
    if (!message) continue
    const before = message.status
    if (!applyOutcome(message, outcome, now)) continue
    changed.push(message)
    if (message.status !== before && message.status !== 'queued') told.push(message)
    if (outcome.kind === 'failed' && outcome.optedOut) optedOut.push(message.conversationId)
  }
  await Promise.all([
    saveDeliveries(tx, changed),
    optOutCustomersOf(tx, optedOut, now),
    announceDeliveries(tx, told, now),
  ])
}

/** Changes the message in place. False where nothing is to be written. */
function applyOutcome(message: Message, outcome: SendOutcome, now: Date): boolean {
  if (outcome.kind === 'taken') return applyStatus(message, outcome.receipt, now)
  if (message.status !== 'sending') return false
  if (outcome.kind === 'unclear') {
    message.dueAt = later(now, firstSettlement)
    return true
  }
  if (outcome.kind === 'failed' || message.attempts >= maxAttempts) {
    Object.assign(message, failMessage(message, outcome.error))
    return true
  }
  message.status = 'queued'
  const backoff = firstRetry * 2 ** (message.attempts - 1)
  message.dueAt = later(now, Math.max(backoff, outcome.retryAfterMs ?? 0))
  return true
}

/**
 * A message that is due could not even be prepared, or marked, for a fault of ours: one attempt less. After the last one
 * it is failed, so that its sender learns of it. Answers whether that is so.
 */
export async function countFault(tx: OrgTx, messageId: string, now: Date): Promise<boolean> {
  const [message] = await lockMessages(tx, [messageId])
  if (message?.status !== 'queued') return true
  message.attempts += 1
  const isFinal = message.attempts >= maxAttempts
  const row = isFinal ? failMessage(message, processingFailed) : message
  await saveDeliveries(tx, [row])
  if (isFinal) await announceDeliveries(tx, [row], now)
  return isFinal
}

const processingFailed: SendError = {
  code: 'processing_failed',
  message: `A fault in this service kept the message from being sent, ${maxAttempts} times. It was not sent; resend it when the fault is mended.`,
  providerCode: null,
}

export function failMessage(message: Message, { code, message: sentence, providerCode }: SendError): Message {
  return {
    ...message,
    status: 'failed',
    errorCode: code,
    errorMessage: sentence,
    errorProviderCode: providerCode,
    dueAt: null,
  }
}
