import type { Database, OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { emit } from '../events/outbox.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { agentOf, assertCanSee, assertMayChange, assertMayTry, type Person } from './access.js'
import { claimCapacity, lockAgents, takeCapacity } from './capacity.js'
import {
  type ConversationChange,
  type ConversationEvent,
  changeConversation,
  type WorkTerms,
} from './change.js'
import { answerInvitation, keepConsultants, withdrawInvitations } from './consults.js'
import { allowedCalls, phaseOf } from './lifecycle.js'
import { presentConversation } from './present.js'
import { conversationEvent, recordChanges } from './record.js'
import {
  findContactNames,
  findOffersTo,
  findQueuesOf,
  findTerms,
  lockConversation,
  lockConversations,
} from './repository.js'
import { assertPermitted } from './supervision-settings-repository.js'

type Shown = ReturnType<typeof presentConversation>

/** A step that its conversation does not allow (api.md: `invalid_transition`). */
export function refuseStep(row: Conversation, call: string): AppError {
  const allowed = allowedCalls(phaseOf(row))
  const can = allowed.length > 0 ? `It allows: ${allowed.join(', ')}.` : 'Nothing more can be done with it.'
  const status = phaseOf(row) === 'offered' ? 'offered and not accepted' : row.status.replace('_', '-')
  return new AppError(
    'invalid_transition',
    `This conversation is ${status}, so "${call}" is not possible. ${can}`,
    {
      conversationStatus: row.status,
      allowed,
    },
  )
}

const cannotReject = ({ status }: Conversation) =>
  new AppError(
    'invalid_transition',
    'This conversation is assigned to you by its notification template, so it cannot be rejected. Accept it, and release it if it is not for you.',
    { conversationStatus: status, allowed: ['accept'] },
  )

const alreadyAssigned = () => new AppError('already_assigned', 'Another agent has this conversation.')

/** What people do with conversations. Each call is one transaction that locks the conversation first. */
export class ConversationService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** The agent to whom it was offered, or is to be transferred, accepts; the first wins. Accepting twice is fine. */
  accept(caller: OrgCaller, id: string): Promise<Shown> {
    return this.answer(caller, id, 'accept')
  }

  reject(caller: OrgCaller, id: string): Promise<Shown> {
    return this.answer(caller, id, 'reject')
  }

  /** From accepted to waiting, from wrap-up to closed. */
  close(caller: OrgCaller, id: string): Promise<Shown> {
    return this.asHolder(caller, id, 'close', { type: 'closed_by_agent' })
  }

  /** The agent resolves it: wrap-up, which closes by itself after a day. */
  end(caller: OrgCaller, id: string): Promise<Shown> {
    return this.asHolder(caller, id, 'end', { type: 'ended_by_agent' })
  }

  release(caller: OrgCaller, id: string): Promise<Shown> {
    return this.asHolder(caller, id, 'release', { type: 'released' })
  }

  /** An agent takes an open conversation of one of their queues, whatever their capacity; it is accepted at once. */
  pick(caller: OrgCaller, id: string): Promise<Shown> {
    return this.take(caller, id, 'pick')
  }

  /** A waiting conversation is taken up again by its last agent or one of its queue. */
  resume(caller: OrgCaller, id: string): Promise<Shown> {
    return this.take(caller, id, 'resume')
  }

  forceClose(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, (tx) => this.closeByForce(tx, caller, id))
  }

  /** Joins a unit of work. */
  async closeByForce(tx: OrgTx, person: Person, id: string): Promise<Shown> {
    const row = await lockConversation(tx, id)
    await assertCanSee(tx, person, row)
    await assertPermitted(tx, person, 'forceClose')
    const by = { type: 'supervisor', id: person.agentId } as const
    return this.step(tx, row, 'force-close', { type: 'force_closed', by })
  }

  /** Links the contact that a person chose. The conversation counts as authenticated from then on. */
  link(caller: OrgCaller, id: string, contactId: string): Promise<Shown> {
    return this.setContact(caller, id, contactId)
  }

  unlink(caller: OrgCaller, id: string): Promise<Shown> {
    return this.setContact(caller, id, null)
  }

  markRead(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const row = await lockConversation(tx, id)
      await assertMayChange(tx, caller, row)
      if (row.unreadCount > 0) await tx.conversation.updateMany({ where: { id }, data: { unreadCount: 0 } })
      return this.show(tx, { ...row, unreadCount: 0 })
    })
  }

  /** Gives back the offers, transfers and invitations that an agent who goes offline has not accepted. Joins the unit that changes the presence. */
  readonly giveBackOffers = async (tx: OrgTx, agentId: string, now: Date): Promise<void> => {
    const rows = await lockConversations(tx, await findOffersTo(tx, agentId))
    const offered = rows.filter((row) => row.agentId === agentId && phaseOf(row) === 'offered')
    const toCome = rows.filter((row) => row.transferAgentId === agentId)
    await this.changeAll(tx, offered, { type: 'agent_left' }, now)
    await this.changeAll(tx, toCome, { type: 'transfer_agent_left' }, now)
    await withdrawInvitations(tx, agentId, now)
  }

  /** Makes the same step with several locked conversations; those that do not allow it are left as they are. */
  async changeAll(
    tx: OrgTx,
    rows: Conversation[],
    event: ConversationEvent,
    now: Date,
  ): Promise<ConversationChange[]> {
    const terms = await findTerms(
      tx,
      rows.map(({ workstreamId }) => workstreamId),
    )
    const changes = rows.flatMap((row) => changeConversation(row, event, termsOf(terms, row), now) ?? [])
    for (const change of changes) await takeUnits(tx, change, { now, isForced: false })
    await recordChanges(tx, changes, now)
    await keepConsultants(tx, changes, now)
    return changes
  }

  /** What is offered to the caller: the conversation, its transfer, or to consult on it. */
  private answer(caller: OrgCaller, id: string, call: 'accept' | 'reject'): Promise<Shown> {
    const agentId = agentOf(caller)
    const isYes = call === 'accept'
    return this.db.inOrg(caller, async (tx) => {
      const row = await lockConversation(tx, id)
      const isOffered = row.transferAgentId === agentId || row.agentId === agentId
      if (!isYes && row.offerAutoAssign && isOffered) throw cannotReject(row)
      if (row.transferAgentId === agentId)
        return this.step(tx, row, call, { type: isYes ? 'transfer_accepted' : 'transfer_declined' })
      if (row.invitedIds.includes(agentId)) {
        await answerInvitation(tx, { row, agentId, isYes, now: this.clock.now() })
        return this.show(tx, row)
      }
      await assertHolds(tx, caller, row, call)
      return this.step(tx, row, call, { type: isYes ? 'accepted' : 'rejected' })
    })
  }

  /** A step that only the agent who has the conversation may make. */
  private asHolder(caller: OrgCaller, id: string, call: string, event: ConversationEvent): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const row = await lockConversation(tx, id)
      await assertHolds(tx, caller, row, call)
      return this.step(tx, row, call, event)
    })
  }

  private take(caller: OrgCaller, id: string, call: 'pick' | 'resume'): Promise<Shown> {
    const agentId = agentOf(caller)
    return this.db.inOrg(caller, async (tx) => {
      const row = await lockConversation(tx, id)
      await assertMayTry(tx, caller, row)
      if (row.status === 'active' && row.agentId !== agentId) throw alreadyAssigned()
      const queues = await findQueuesOf(tx, agentId)
      const isTheirs =
        (row.queueId !== null && queues.has(row.queueId)) || (call === 'resume' && row.agentId === agentId)
      if (!isTheirs) throw new AppError('forbidden', 'You are not a member of this conversation’s queue.')
      return this.step(tx, row, call, { type: call === 'pick' ? 'picked' : 'resumed', agentId })
    })
  }

  /** One step of a locked conversation, which `call` asks for. */
  async step(tx: OrgTx, row: Conversation, call: string, event: ConversationEvent): Promise<Shown> {
    const now = this.clock.now()
    const terms = termsOf(await findTerms(tx, [row.workstreamId]), row)
    const change = changeConversation(row, event, terms, now)
    if (!change) throw refuseStep(row, call)
    await takeUnits(tx, change, { now, isForced: 'override' in event && event.override })
    await recordChanges(tx, [change], now)
    await keepConsultants(tx, [change], now)
    return this.show(tx, change.after)
  }

  private setContact(caller: OrgCaller, id: string, contactId: string | null): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const row = await lockConversation(tx, id)
      await assertMayChange(tx, caller, row)
      const contact = (await findContactNames(tx, [contactId])).get(contactId ?? '') ?? null
      if (contactId && !contact) throw invalidField('contactId', 'There is no such contact.')
      const authenticated = contact !== null
      await tx.conversation.updateMany({ where: { id }, data: { contactId, authenticated } })
      const after = { ...row, contactId, authenticated }
      const now = this.clock.now()
      emit(tx, [conversationEvent('conversation.linked', after, contact, now)])
      return presentConversation(after, contact, now)
    })
  }

  async show(tx: OrgTx, row: Conversation): Promise<Shown> {
    const contacts = await findContactNames(tx, [row.contactId])
    return presentConversation(row, contacts.get(row.contactId ?? '') ?? null, this.clock.now())
  }
}

export function termsOf(terms: Map<string, WorkTerms>, row: Pick<Conversation, 'workstreamId'>): WorkTerms {
  const found = terms.get(row.workstreamId)
  if (!found) throw new Error(`Conversation of an unknown workstream ${row.workstreamId}`)
  return found
}

/** Throws unless the caller is the agent who has the conversation. */
export async function assertHolds(
  tx: OrgTx,
  caller: OrgCaller,
  row: Conversation,
  call: string,
): Promise<void> {
  if (row.agentId === agentOf(caller)) return
  await assertMayTry(tx, caller, row)
  throw row.status === 'active' ? alreadyAssigned() : refuseStep(row, call)
}

/**
 * What a person takes on may go beyond their capacity, and not beyond the limit of sessions; what somebody else gives them
 * goes beyond neither, unless it is forced.
 */
async function takeUnits(
  tx: OrgTx,
  { transition, before, after }: ConversationChange,
  { now, isForced }: { now: Date; isForced: boolean },
) {
  const taken = {
    agentId: after.agentId ?? '',
    units: after.heldUnits,
    profileIds: after.heldProfileIds,
    now,
  }
  switch (transition.by) {
    case 'picked':
    case 'resumed':
      return takeCapacity(tx, taken, { isForced })
    case 'transfer_accepted':
      await lockAgents(tx, [before.agentId ?? '', taken.agentId])
      return takeCapacity(tx, taken, { isForced })
    case 'assigned':
    case 'transfer_offered':
      if (isForced) return takeCapacity(tx, taken, { isForced })
      if (transition.to === 'offered' && !(await claimCapacity(tx, taken, null))) throw isFull()
  }
}

const isFull = () =>
  new AppError(
    'conflict',
    'This agent has no capacity left for the conversation, or as many as they may have at a time. Choose another one, or assign it with "override": true.',
  )
