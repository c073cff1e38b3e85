import { type ConversationChange, changeConversation } from '../conversations/change.js'
import { recordChanges } from '../conversations/record.js'
import { findTerms, lockConversations } from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import type { OrgTx } from '../db/database.js'
import type { Take } from '../db/row-by-row.js'
import { waitingMinutes } from '../workstreams/overflow.js'
import { findQueueStates } from './queue-state-repository.js'
import { findPlans } from './repository.js'
import { tellOfEmptyQueues } from './router.js'
import { findRoutingSettings } from './settings-repository.js'
import { findStranded } from './waiting-repository.js'

/**
 * What waits in a queue that has lost its members goes where a new conversation would: to the fallback queue of its
 * workstream, or it is closed where that has none either and the organization says so. Answers how many there were.
 */
export async function leaveEmptyQueues(tx: OrgTx, take: Take, now: Date): Promise<number> {
  const ids = await findStranded(tx, take)
  if (ids.length === 0) return 0
  take.took(ids)
  const rows = (await lockConversations(tx, ids)).filter(
    ({ status, queueId }) => status === 'open' && queueId,
  )
  const workstreamIds = rows.map(({ workstreamId }) => workstreamId)
  const [plans, terms, settings] = await Promise.all([
    findPlans(tx, workstreamIds),
    findTerms(tx, workstreamIds),
    findRoutingSettings(tx),
  ])
  const fallbacks = [...plans.values()].map(({ fallbackQueueId }) => fallbackQueueId)
  const queues = await findQueueStates(
    tx,
    [...fallbacks, ...rows.flatMap(({ queueId }) => queueId ?? [])],
    now,
  )
  const changes = rows.flatMap((row): ConversationChange[] => {
    const queueId = plans.get(row.workstreamId)?.fallbackQueueId ?? ''
    const fallback = queues.get(queueId)
    // Somebody has joined meanwhile
    if (!fallback || queues.get(row.queueId ?? '')?.hasMembers !== false) return []
    const ends = !fallback.hasMembers && settings.queueWithoutMembers === 'close'
    if (!ends && queueId === row.queueId) return []
    const overflowAfterMinutes = waitingMinutes(fallback.overflow)
    const event = ends
      ? ({ type: 'ended_without_members', queueId } as const)
      : ({ type: 'routed', queueId, overflowAfterMinutes } as const)
    const change = changeConversation(row, event, termsOf(terms, row), now)
    return change ? [change] : []
  })
  await recordChanges(tx, changes, now)
  await tellOfEmptyQueues(
    tx,
    changes.flatMap(({ after }) => after.queueId ?? []),
    now,
  )
  return changes.length
}
