import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import { isDuplicate, isReferenceFault } from '../db/faults.js'
import { type Page, type PageRequest, pageById, toPage } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { emit } from '../events/outbox.js'
import { holdOperatingHours } from '../hours/hold.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField, notFound } from '../lib/errors.js'
import { given } from '../lib/given.js'
import { type Overflow, otherQueues } from './overflow.js'
import { presentMember, presentQueue } from './present.js'
import {
  deleteMember,
  deleteQueue,
  findQueueIds,
  findQueueUses,
  getQueue,
  hasAgent,
  insertMember,
  insertQueue,
  listMembers,
  listQueues,
  memberKey,
  noteEmptyQueue,
  updateQueue,
} from './queue-repository.js'
import type { changeQueueBody, queueBody } from './schemas.js'
import { wakeRouting } from './wake-routing.js'

type Shown = ReturnType<typeof presentQueue>

const nameTaken = (name: string) =>
  new AppError('conflict', `There is already a queue with the name "${name}".`)

const stillUsed = (why: string) => new AppError('conflict', `This queue cannot be deleted: ${why}.`)

/** Queues and who works in them. */
export class QueueService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  create(caller: OrgCaller, body: z.infer<typeof queueBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        await holdOperatingHours(tx, body.operatingHoursId)
        await assertOverflow(tx, body.overflow)
        const after = presentQueue(await insertQueue(tx, { ...body, isDefault: false }, now))
        await recordAudit(tx, caller, { action: 'queue.created', subjectId: after.id, at: now, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(body.name) : error
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listQueues(tx, page), page)
      return { data: data.map(presentQueue), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => presentQueue(await getQueue(tx, id)))
  }

  /**
   * Priority and method count from the next offer on, for what waits already too. New hours hold for what is routed from
   * then on: what waits in it stays where it is. So does what overflow says; what waits keeps the time that it was given,
   * and what is done then is what the queue says then.
   */
  update(caller: OrgCaller, id: string, body: z.infer<typeof changeQueueBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        await lockRow(tx, 'queues', id)
        const before = presentQueue(await getQueue(tx, id))
        await holdOperatingHours(tx, body.operatingHoursId)
        await assertOverflow(tx, body.overflow, id)
        await updateQueue(tx, id, given(body), now)
        wakeRouting(tx, now)
        const after = presentQueue(await getQueue(tx, id))
        await recordAudit(tx, caller, { action: 'queue.changed', subjectId: id, at: now, before, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(body.name ?? '') : error
      })
  }

  /** Refused for the default queue, and while a workstream, a rule or a conversation refers to it. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.db
      .inOrg(caller, async (tx) => {
        await lockRow(tx, 'queues', id)
        const before = presentQueue(await getQueue(tx, id))
        if (before.isDefault) throw stillUsed('it is the default queue of the organization')
        const uses = await findQueueUses(tx, id)
        if (uses.length > 0) throw stillUsed(uses.join('; '))
        await deleteQueue(tx, id)
        const at = this.clock.now()
        await recordAudit(tx, caller, { action: 'queue.deleted', subjectId: id, at, before })
      })
      .catch((error) => {
        throw isReferenceFault(error) ? stillUsed('conversations are or were in it') : error
      })
  }

  members(caller: OrgCaller, id: string, page: PageRequest): Promise<Page<ReturnType<typeof presentMember>>> {
    return this.db.inOrg(caller, async (tx) => {
      await getQueue(tx, id)
      const { data, nextCursor } = toPage(await listMembers(tx, id, page), page.limit, memberKey)
      return { data: data.map(presentMember), nextCursor }
    })
  }

  /** Adding a member twice is fine. */
  addMember(caller: OrgCaller, queueId: string, agentId: string): Promise<void> {
    return this.changeMember(caller, { queueId, agentId }, async (tx, now) => {
      const isNew = await insertMember(tx, { queueId, agentId }, now)
      if (isNew) {
        const entry = { action: 'queue.member_added', subjectId: queueId, at: now } as const
        await recordAudit(tx, caller, { ...entry, after: { agentId } })
      }
      return isNew
    })
  }

  /**
   * So is removing one who is no member. What the agent has at hand stays with them. If nobody is left, what waits goes
   * where a new conversation would (docs/decisions/0032).
   */
  removeMember(caller: OrgCaller, queueId: string, agentId: string): Promise<void> {
    return this.changeMember(caller, { queueId, agentId }, async (tx, now) => {
      const wasMember = await deleteMember(tx, { queueId, agentId })
      if (wasMember) {
        const entry = { action: 'queue.member_removed', subjectId: queueId, at: now } as const
        await recordAudit(tx, caller, { ...entry, before: { agentId } })
        await tellIfEmpty(tx, queueId, now)
      }
      return wasMember
    })
  }

  private changeMember(
    caller: OrgCaller,
    { queueId, agentId }: { queueId: string; agentId: string },
    change: (tx: OrgTx, now: Date) => Promise<boolean>,
  ): Promise<void> {
    return this.db.inOrg(caller, async (tx) => {
      const now = this.clock.now()
      // Of two who leave at once one is the last
      await lockRow(tx, 'queues', queueId)
      await getQueue(tx, queueId)
      if (!(await hasAgent(tx, agentId))) throw notFound('agent')
      if (await change(tx, now)) wakeRouting(tx, now)
    })
  }
}

/** Admins hear of it once, until it has members again. */
async function tellIfEmpty(tx: OrgTx, queueId: string, now: Date): Promise<void> {
  const queue = await noteEmptyQueue(tx, queueId, now)
  if (!queue) return
  emit(tx, [{ type: 'queue.has_no_members', at: now, queueId, agentIds: [], data: { queue } }])
}

/** @param own the queue itself: a conversation that it sends on must go elsewhere */
async function assertOverflow(tx: OrgTx, overflow: Overflow | undefined, own?: string): Promise<void> {
  if (!overflow) return
  const known = await findQueueIds(tx, otherQueues(overflow))
  for (const part of ['outOfHours', 'itemLimit', 'waitingTime'] as const) {
    const queueId = overflow[part]?.queueId
    if (queueId === undefined) continue
    const path = `overflow.${part}.queueId`
    if (!known.has(queueId)) throw invalidField(path, 'There is no such queue.')
    if (queueId === own) throw invalidField(path, 'Name another queue: this one overflows.')
  }
}
