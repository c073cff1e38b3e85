import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import type { Conversation, Participant } from '../db/generated/client.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { emit } from '../events/outbox.js'
import type { OrgCaller } from '../lib/caller.js'
import { type Clock, later, seconds } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { offerTerms } from '../notification-templates/offer-terms.js'
import { agentOf } from './access.js'
import { changeConsult, consultEvent, endConsult } from './consults.js'
import { restartClosing } from './due-times.js'
import { isInWork, phaseOf } from './lifecycle.js'
import { assertReachable } from './may-be-asked.js'
import {
  addParticipant,
  findAvailableMember,
  findLive,
  getConsult,
  type Invitee,
  listConsults,
  saveParticipation,
} from './participant-repository.js'
import { presentConsult } from './present.js'
import { findVisible } from './reader.js'
import { offerFacts } from './record.js'
import { findTerms, lockConversation } from './repository.js'
import type { consultSchema, targetBody } from './schemas.js'
import { assertHolds, refuseStep, termsOf } from './service.js'

type Shown = z.infer<typeof consultSchema>
type Target = z.infer<typeof targetBody>
type Change = (tx: OrgTx, row: Conversation, consult: Participant) => Promise<Participant>

const mostConsultants = 5

/** An agent asks others about a conversation, who read it and answer in notes; added, they write to the customer. */
export class ConsultService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Asks an agent, or one available member of a queue. They answer as they answer an offer. */
  invite(caller: OrgCaller, conversationId: string, target: Target): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const row = await lockConversation(tx, conversationId)
      await assertHolds(tx, caller, row, 'consult')
      const live = await findLive(tx, row.id)
      const invitee = await findInvitee(tx, row, target, live)
      if (!isInWork(phaseOf(row))) throw refuseStep(row, 'consult')
      if (live.filter(({ mode }) => mode === 'consult').length >= mostConsultants)
        throw new AppError(
          'conflict',
          `At most ${mostConsultants} agents are consulted at a time. Remove one.`,
        )
      const now = this.clock.now()
      const workTerms = termsOf(await findTerms(tx, [row.workstreamId]), row)
      const terms = offerTerms(workTerms.offerTemplates, 'consult')
      const consult = await addParticipant(tx, {
        conversationId,
        agentId: invitee.id,
        mode: 'consult',
        invitedById: caller.agentId,
        createdAt: now,
        expiresAt: later(now, seconds(terms.countdownSeconds)),
      })
      restartClosing(row, workTerms, now)
      await saveParticipation(tx, row)
      const event = await consultEvent(tx, 'conversation.offered', { row, consult, now })
      const offer = await offerFacts(tx, row, { kind: 'consult', expiresAt: consult.expiresAt, terms })
      emit(tx, [{ ...event, data: { ...event.data, offer } }])
      return presentConsult(consult)
    })
  }

  list(caller: OrgCaller, conversationId: string, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller.orgId, async (tx) => {
      await findVisible(tx, caller, conversationId)
      const { data, nextCursor } = pageById(await listConsults(tx, conversationId, page), page)
      return { data: data.map(presentConsult), nextCursor }
    })
  }

  /** From now on the consultant writes to the customer, too. */
  add(caller: OrgCaller, conversationId: string, consultId: string): Promise<Shown> {
    return this.asHolder(caller, conversationId, consultId, async (tx, row, consult) => {
      if (!consult.joinedAt) throw new AppError('conflict', 'This agent has not accepted the consult yet.')
      if (consult.addedAt) return consult
      const now = this.clock.now()
      return changeConsult(tx, { row, consult, now }, { addedAt: now })
    })
  }

  /** An invitation that was not answered is taken back. */
  remove(caller: OrgCaller, conversationId: string, consultId: string): Promise<Shown> {
    return this.asHolder(caller, conversationId, consultId, (tx, row, consult) =>
      endConsult(tx, { row, consult, now: this.clock.now() }, 'removed'),
    )
  }

  leave(caller: OrgCaller, conversationId: string, consultId: string): Promise<Shown> {
    return this.change(caller, conversationId, consultId, (tx, row, consult) => {
      if (consult.agentId !== agentOf(caller))
        throw new AppError('forbidden', 'Only the agent who consults can leave. To end it, remove them.')
      return endConsult(tx, { row, consult, now: this.clock.now() }, 'left')
    })
  }

  private asHolder(caller: OrgCaller, conversationId: string, consultId: string, change: Change) {
    return this.change(caller, conversationId, consultId, async (tx, row, consult) => {
      await assertHolds(tx, caller, row, 'consult')
      return change(tx, row, consult)
    })
  }

  private change(
    caller: OrgCaller,
    conversationId: string,
    consultId: string,
    change: Change,
  ): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const row = await lockConversation(tx, conversationId)
      await findVisible(tx, caller, conversationId)
      const consult = await getConsult(tx, conversationId, consultId)
      if (consult.leftAt) throw new AppError('conflict', 'This consult has ended.')
      return presentConsult(await change(tx, row, consult))
    })
  }
}

async function findInvitee(
  tx: OrgTx,
  row: Conversation,
  { agentId, queueId }: Target,
  live: readonly Participant[],
): Promise<Invitee> {
  const there = [row.agentId ?? '', ...live.map((each) => each.agentId)].filter((id) => id !== '')
  if (queueId) {
    if (!(await tx.queue.findFirst({ where: { id: queueId } })))
      throw invalidField('queueId', 'There is no such queue.')
    const member = await findAvailableMember(tx, queueId, there)
    if (!member) throw new AppError('conflict', 'Nobody in this queue is available.')
    return member
  }
  await lockRow(tx, 'agents', agentId ?? '')
  const agent = await tx.agent.findFirst({ where: { id: agentId ?? '' } })
  if (!agent) throw invalidField('agentId', 'There is no such agent.')
  if (there.includes(agent.id)) throw new AppError('conflict', `${agent.name} takes part already.`)
  assertReachable(agent)
  return agent
}
