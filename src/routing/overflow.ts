import { type ConversationChange, changeConversation } from '../conversations/change.js'
import { overflowAt } from '../conversations/due-times.js'
import { recordChanges } from '../conversations/record.js'
import { findTerms, lockConversations } from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import { updateRows } from '../db/rows.js'
import { waitingMinutes } from '../workstreams/overflow.js'
import type { QueueState } from './choose-queue.js'
import { findQueueStates } from './queue-state-repository.js'
import type { Overflowed } from './record.js'
import { saveOverflowed } from './record-repository.js'
import { findOverflowing } from './repository.js'

/**
 * Does what queues say about conversations that have waited too long in them (domain.md 5.6), and answers how many there
 * were. What the queue says now counts: where it gives more time, or none is set any more, the conversation waits on.
 */
export async function overflowBatch(tx: OrgTx, take: Take, now: Date): Promise<number> {
  const ids = await findOverflowing(tx, now, take)
  if (ids.length === 0) return 0
  take.took(ids)
  const rows = await lockConversations(tx, ids)
  const due = rows.filter(({ overflowAt, queueId }) => queueId && overflowAt && overflowAt <= now)
  const queues = await findQueueStates(
    tx,
    due.flatMap(({ queueId }) => queueId ?? []),
    now,
  )
  const terms = await findTerms(
    tx,
    due.map(({ workstreamId }) => workstreamId),
  )
  const waiting: Conversation[] = []
  const moved: { change: ConversationChange; overflowed: Overflowed }[] = []
  for (const row of due) {
    const event = eventFor(row, queues, now)
    const change = event && changeConversation(row, event.event, termsOf(terms, row), now)
    if (event && change) moved.push({ change, overflowed: event.overflowed })
    else waiting.push(waitsOn(row, queues))
  }
  await Promise.all([
    updateRows(tx, 'conversations', waiting, ['overflowAfterMinutes', 'overflowAt']),
    recordChanges(
      tx,
      moved.map(({ change }) => change),
      now,
    ),
    saveOverflowed(
      tx,
      moved.map(({ change, overflowed }) => ({ id: change.after.id, overflowed })),
    ),
  ])
  return rows.length
}

function waitsOn(row: Conversation, queues: Map<string, QueueState>): Conversation {
  const after = {
    ...row,
    overflowAfterMinutes: waitingMinutes(queues.get(row.queueId ?? '')?.overflow ?? {}),
  }
  return { ...after, overflowAt: overflowAt(after) }
}

/** Null where the queue gives it more time by now. */
function eventFor(row: Conversation, queues: Map<string, QueueState>, now: Date) {
  const from = queues.get(row.queueId ?? '')
  const rule = from?.overflow.waitingTime
  const until = overflowAt({ ...row, overflowAfterMinutes: rule?.minutes ?? null })
  if (!from || !rule || !until || until > now) return null
  const { minutes } = rule
  const told = { at: now.toISOString(), queueId: from.id, minutes }
  const target = queues.get(rule.queueId ?? '')
  if (rule.action === 'end_conversation') {
    const overflowed: Overflowed = { ...told, action: 'end_conversation', toQueueId: null }
    return { event: { type: 'overflow_ended' as const, queueId: from.id }, overflowed }
  }
  if (!target) return null
  const overflowed: Overflowed = { ...told, action: 'other_queue', toQueueId: target.id }
  const overflowAfterMinutes = waitingMinutes(target.overflow)
  return { event: { type: 'routed' as const, queueId: target.id, overflowAfterMinutes }, overflowed }
}
