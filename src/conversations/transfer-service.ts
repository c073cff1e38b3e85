import type { Database, OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { lockRow } from '../db/rows.js'
import { findHoursStatus } from '../hours/find-status.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { waitingMinutes } from '../workstreams/overflow.js'
import { assertCanSee } from './access.js'
import type { Actor, ConversationEvent } from './change.js'
import { assertReachable } from './may-be-asked.js'
import type { presentConversation } from './present.js'
import { findQueuesOf, lockConversation } from './repository.js'
import { assertHolds, type ConversationService } from './service.js'
import { assertPermitted, findSupervisionSettings } from './supervision-settings-repository.js'

type Shown = ReturnType<typeof presentConversation>

/** One of them. */
interface Target {
  agentId?: string | undefined
  queueId?: string | undefined
}

/** Gives a conversation on: to a queue at once, to an agent when they accept it. */
export class TransferService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly conversations: ConversationService,
  ) {}

  transfer(caller: OrgCaller, id: string, { agentId, queueId }: Target): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const row = await lockConversation(tx, id)
      const by = await actorOf(tx, caller, row)
      const event = agentId
        ? await toAgent(tx, row, { agentId, by })
        : await toQueue(tx, row, { queueId: queueId ?? '', by, now: this.clock.now() })
      return this.conversations.step(tx, row, 'transfer', event)
    })
  }
}

/** The agent who has it, or a supervisor who sees it. */
async function actorOf(tx: OrgTx, caller: OrgCaller, row: Conversation): Promise<Actor> {
  const isTheirs = row.agentId === caller.agentId && row.status === 'active'
  if (caller.role === 'agent' || isTheirs) {
    await assertHolds(tx, caller, row, 'transfer')
    return { type: 'agent', id: caller.agentId }
  }
  await assertCanSee(tx, caller, row)
  await assertPermitted(tx, caller, 'transfer')
  return { type: 'supervisor', id: caller.agentId }
}

async function toQueue(
  tx: OrgTx,
  row: Conversation,
  { queueId, by, now }: { queueId: string; by: Actor; now: Date },
): Promise<ConversationEvent> {
  const overflowAfterMinutes = await assertQueueTakes(tx, row, queueId, now)
  return { type: 'transferred_to_queue', queueId, overflowAfterMinutes, by }
}

/** Throws unless the queue exists, is open now, and is another one than that in which the conversation is. */
/** Answers how long it may wait in it. */
export async function assertQueueTakes(
  tx: OrgTx,
  row: Conversation,
  queueId: string,
  now: Date,
): Promise<number | null> {
  const queue = await tx.queue.findFirst({ where: { id: queueId } })
  if (!queue) throw invalidField('queueId', 'There is no such queue.')
  if (queueId === row.queueId)
    throw new AppError('conflict', 'The conversation is in this queue already. To give it back, release it.')
  const hours = await findHoursStatus(tx, [queue.operatingHoursId], now)
  const { open = true, opensAt = null } = hours.get(queue.operatingHoursId ?? '') ?? {}
  if (!open) {
    const until = opensAt ? ` until ${opensAt.toISOString()}` : ''
    throw new AppError('conflict', `The queue "${queue.name}" is closed${until}. Choose another one.`)
  }
  return waitingMinutes(queue.overflow)
}

async function toAgent(
  tx: OrgTx,
  row: Conversation,
  { agentId, by }: { agentId: string; by: Actor },
): Promise<ConversationEvent> {
  // An agent who goes offline at this moment either is seen to be, or finds the transfer and gives it back
  await lockRow(tx, 'agents', agentId)
  const agent = await tx.agent.findFirst({ where: { id: agentId } })
  if (!agent) throw invalidField('agentId', 'There is no such agent.')
  if (!(await findSupervisionSettings(tx)).transferToAgents)
    throw new AppError('forbidden', 'Your organization does not transfer to agents. Transfer to a queue.')
  if (row.status === 'active' && row.agentId === agentId)
    throw new AppError('conflict', `${agent.name} has this conversation already.`)
  assertReachable(agent)
  if (by.type === 'supervisor' && !(row.queueId && (await findQueuesOf(tx, agentId)).has(row.queueId)))
    throw new AppError('conflict', `${agent.name} is no member of this conversation’s queue.`)
  return { type: 'transfer_offered', agentId, by }
}
