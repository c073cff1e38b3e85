import { setOptOuts } from '../contacts/opt-outs.js'
import type { OrgTx } from '../db/database.js'
import type { Message } from '../db/generated/client.js'
import { isId } from '../lib/ids.js'
import type { DeliveryStatus, InboundStatus } from '../providers/provider.js'
import { announceDeliveries } from './announce-deliveries.js'
import { advance, type OutboundStatus } from './delivery-status.js'
import type { Leftover, Understood } from './receive-service.js'
import { findByProviderIds, lockMessages, saveDeliveries } from './repository.js'

type Report = Understood<InboundStatus>

/**
 * Applies delivery reports. A report may overtake our own commit of the provider's answer, so it names the message by
 * our id where it can; one that only has the provider's id waits for that commit and is looked at again.
 */
export async function applyReports(tx: OrgTx, reports: Report[], now: Date): Promise<Leftover[]> {
  if (reports.length === 0) return []
  const ids = await findReported(tx, reports)
  const messages = new Map((await lockMessages(tx, [...new Set(ids.values())])).map((row) => [row.id, row]))
  const leftovers: Leftover[] = []
  const advanced = new Map<string, Message>()
  const steps: Message[] = []
  for (const report of reports) {
    const message = messages.get(ids.get(report) ?? '')
    if (message?.direction !== 'outbound' || message.accountId !== report.callback.accountId) {
      leftovers.push(unknownMessage(report))
      continue
    }
    const before = message.status
    if (applyStatus(message, report.event, now)) advanced.set(message.id, message)
    // Each step is told, also where several are reported at once
    if (message.status !== before) steps.push({ ...message })
  }
  await saveDeliveries(tx, [...advanced.values()])
  await keepProviderOptOuts(tx, { reports, ids, messages, now })
  await announceDeliveries(tx, steps, now)
  return leftovers
}

async function findReported(tx: OrgTx, reports: Report[]): Promise<Map<Report, string>> {
  const named = reports.filter(({ event }) => event.messageId !== null && isId(event.messageId))
  const unnamed = reports.filter((report) => !named.includes(report))
  const found = await findByProviderIds(
    tx,
    unnamed.map(({ callback, event }) => ({
      accountId: callback.accountId,
      providerMessageId: event.providerMessageId,
    })),
  )
  const byProviderId = unnamed.flatMap((report) => {
    const message = found.get(`${report.callback.accountId} ${report.event.providerMessageId}`)
    return message ? [[report, message.id] as const] : []
  })
  return new Map([...named.map((report) => [report, report.event.messageId ?? ''] as const), ...byProviderId])
}

const unknownMessage = ({ callback, event }: Report): Leftover => ({
  kind: 'postpone',
  callback,
  reason: 'unknown_message',
  detail: `A delivery report (${event.status}) for a message that this service did not send.`,
})

export interface Outcome {
  providerMessageId: string
  status: DeliveryStatus
  error?: InboundStatus['error']
  segments?: number | null
}

/** Moves a message forward in place. False where the report brings nothing new. */
export function applyStatus(message: Message, outcome: Outcome, now: Date): boolean {
  const current = message.status as OutboundStatus
  const next = advance(current, outcome.status)
  const isNewId = message.providerMessageId === null
  if (isNewId) message.providerMessageId = outcome.providerMessageId
  const segments = outcome.segments ?? message.segments
  const isNew = isNewId || segments !== message.segments
  message.segments = segments
  if (!next) return isNew
  message.status = next
  // Nothing is left to be done once the provider has it
  message.dueAt = null
  const failed = next === 'failed' || next === 'undelivered'
  if (!failed) message.sentAt ??= now
  if (next === 'delivered' || next === 'read') message.deliveredAt ??= now
  if (next === 'read') message.readAt ??= now
  if (failed) {
    message.errorCode = codeOf(outcome.error)
    message.errorMessage = outcome.error?.message ?? 'The provider did not say why.'
    message.errorProviderCode = outcome.error?.providerCode ?? null
  } else {
    message.errorCode = message.errorMessage = message.errorProviderCode = null
  }
  return true
}

function codeOf(error: InboundStatus['error'] | undefined): string {
  if (error?.windowClosed) return 'session_window_closed'
  return error?.optedOut ? 'contact_opted_out' : 'provider_failed'
}

/** A customer whom the provider reports as opted out counts as such until they opt in again. */
async function keepProviderOptOuts(
  tx: OrgTx,
  {
    reports,
    ids,
    messages,
    now,
  }: { reports: Report[]; ids: Map<Report, string>; messages: Map<string, Message>; now: Date },
): Promise<void> {
  const conversationIds = reports
    .filter(({ event }) => event.error?.optedOut)
    .flatMap((report) => messages.get(ids.get(report) ?? '')?.conversationId ?? [])
  await optOutCustomersOf(tx, conversationIds, now)
}

export async function optOutCustomersOf(
  tx: OrgTx,
  conversationIds: readonly string[],
  now: Date,
): Promise<void> {
  if (conversationIds.length === 0) return
  const rows = await tx.conversation.findMany({
    where: { id: { in: [...new Set(conversationIds)] } },
    select: { channel: true, customerAddress: true },
  })
  await setOptOuts(tx, rows, { source: 'provider', now })
}
