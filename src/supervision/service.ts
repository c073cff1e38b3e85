import type { z } from 'zod'
import { agentOf, assertCanSee, type Person } from '../conversations/access.js'
import type { Actor } from '../conversations/change.js'
import { restartClosing } from '../conversations/due-times.js'
import { hasBeenAccepted, isInWork, phaseOf } from '../conversations/lifecycle.js'
import {
  addParticipant,
  changeParticipant,
  findLive,
  saveParticipation,
} from '../conversations/participant-repository.js'
import { type presentConversation, presentParticipant } from '../conversations/present.js'
import { hearers } from '../conversations/record.js'
import { findTerms, lockConversation } from '../conversations/repository.js'
import { type ConversationService, refuseStep, termsOf } from '../conversations/service.js'
import { assertPermitted } from '../conversations/supervision-settings-repository.js'
import { assertQueueTakes } from '../conversations/transfer-service.js'
import type { Database, OrgTx } from '../db/database.js'
import type { Conversation, Participant } from '../db/generated/client.js'
import { lockRow } from '../db/rows.js'
import { emit } from '../events/outbox.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { getWorkstream } from '../workstreams/repository.js'
import type { assignBody } from './schemas.js'

type Shown = ReturnType<typeof presentConversation>
type Assignment = z.infer<typeof assignBody>

/** What supervisors do with the conversations of others (domain.md 15.1). */
export class SupervisionService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly conversations: ConversationService,
  ) {}

  /** What is open: to an agent, to whom it is offered, or to another queue. */
  assign(caller: OrgCaller, id: string, assignment: Assignment): Promise<Shown> {
    return this.db.inOrg(caller, (tx) => this.assignOne(tx, caller, id, assignment))
  }

  /** Joins a unit of work. */
  async assignOne(
    tx: OrgTx,
    person: Person,
    id: string,
    { agentId, queueId = '', override }: Assignment,
  ): Promise<Shown> {
    const row = await lockConversation(tx, id)
    await assertCanSee(tx, person, row)
    await assertPermitted(tx, person, 'assign')
    const by: Actor = { type: 'supervisor', id: person.agentId }
    if (agentId) {
      await assertAgent(tx, row, agentId, override)
      return this.conversations.step(tx, row, 'assign', { type: 'assigned', agentId, by, override })
    }
    const overflowAfterMinutes = await assertQueueTakes(tx, row, queueId, this.clock.now())
    const event = { type: 'assigned_to_queue', queueId, overflowAfterMinutes, by } as const
    return this.conversations.step(tx, row, 'assign', event)
  }

  /** Hears from now on what is said. Nobody is told. */
  monitor(caller: OrgCaller, id: string): Promise<Shown> {
    return this.watch(caller, id, async (tx, row, own) => {
      if (own?.mode === 'monitor') return
      if (own) throw new AppError('conflict', 'You take part in this conversation already.')
      if (row.agentId === caller.agentId) throw new AppError('conflict', 'This conversation is your own.')
      if (!hasBeenAccepted(phaseOf(row))) throw refuseStep(row, 'monitor')
      const now = this.clock.now()
      await addParticipant(tx, {
        conversationId: id,
        agentId: agentOf(caller),
        mode: 'monitor',
        invitedById: null,
        createdAt: now,
        joinedAt: now,
      })
      restartClosing(row, termsOf(await findTerms(tx, [row.workstreamId]), row), now)
      await saveParticipation(tx, row)
    })
  }

  /** Whoever monitors it writes to the customer from now on. The agent is told. */
  join(caller: OrgCaller, id: string): Promise<Shown> {
    return this.watch(caller, id, async (tx, row, own) => {
      const monitor = monitoring(own)
      if (!isInWork(phaseOf(row))) throw refuseStep(row, 'join')
      if (monitor.addedAt) return
      const now = this.clock.now()
      await changeParticipant(tx, monitor, { addedAt: now })
      const conversation = await this.conversations.show(tx, row)
      const participant = presentParticipant(monitor)
      emit(tx, [
        {
          type: 'conversation.participants_changed',
          at: now,
          queueId: row.queueId,
          agentIds: hearers(row),
          data: { conversation, participant },
        },
      ])
    })
  }

  stopMonitoring(caller: OrgCaller, id: string): Promise<Shown> {
    return this.watch(caller, id, async (tx, row, own) => {
      const monitor = monitoring(own)
      await changeParticipant(tx, monitor, { leftAt: this.clock.now(), endReason: 'left' })
      await saveParticipation(tx, row)
    })
  }

  private watch(
    caller: OrgCaller,
    id: string,
    work: (tx: OrgTx, row: Conversation, own: Participant | undefined) => Promise<void>,
  ): Promise<Shown> {
    const agentId = agentOf(caller)
    return this.db.inOrg(caller, async (tx) => {
      const row = await lockConversation(tx, id)
      await assertCanSee(tx, caller, row)
      await assertPermitted(tx, caller, 'monitor')
      await work(
        tx,
        row,
        (await findLive(tx, id)).find((each) => each.agentId === agentId),
      )
      return this.conversations.show(tx, row)
    })
  }
}

function monitoring(own: Participant | undefined): Participant {
  if (own?.mode === 'monitor') return own
  throw new AppError('conflict', 'You do not monitor this conversation.')
}

/** Throws unless there is such an agent, it is open and, without an override, their presence is one that the workstream offers to. */
async function assertAgent(tx: OrgTx, row: Conversation, agentId: string, override: boolean): Promise<void> {
  // An agent who goes offline at this moment either is seen to be, or finds the offer and gives it back
  await lockRow(tx, 'agents', agentId)
  const agent = await tx.agent.findFirst({ where: { id: agentId } })
  if (!agent) throw invalidField('agentId', 'There is no such agent.')
  if (phaseOf(row) !== 'open') throw refuseStep(row, 'assign')
  if (override) return
  const { name, allowedPresences } = await getWorkstream(tx, row.workstreamId)
  if (allowedPresences.includes(agent.presence)) return
  throw new AppError(
    'conflict',
    `${agent.name} is ${agent.presence.replaceAll('_', ' ')}, and the workstream "${name}" offers to agents who are ${allowedPresences.join(', ').replaceAll('_', ' ')}. Choose another one, or assign it with "override": true.`,
  )
}
