import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import type { Conversation, Prisma } from '../db/generated/client.js'
import {
  idPattern,
  type Page,
  type PageRequest,
  pageById,
  readCursor,
  readTimeCursor,
  toPage,
} from '../db/page.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, notFound } from '../lib/errors.js'
import { startOfDay } from '../lib/local-day.js'
import { agentOf, assertCanSee, type Sight, sightOf } from './access.js'
import { activeAt } from './change.js'
import { presentConversation, presentSession } from './present.js'
import { findContactNames, listSessions } from './repository.js'
import type { conversationQuery } from './schemas.js'

type Query = z.infer<typeof conversationQuery>
type Shown = ReturnType<typeof presentConversation>
type Where = Prisma.ConversationWhereInput

/** Reads conversations, each caller those that they may see. */
export class ConversationReader {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller.orgId, async (tx) => {
      const row = await findVisible(tx, caller, id)
      const contacts = await findContactNames(tx, [row.contactId])
      return presentConversation(row, contacts.get(row.contactId ?? '') ?? null, this.clock.now())
    })
  }

  /** Each time that an agent was given the conversation, in order. */
  sessions(caller: OrgCaller, id: string, page: PageRequest) {
    return this.db.inOrg(caller.orgId, async (tx) => {
      await findVisible(tx, caller, id)
      const { data, nextCursor } = pageById(await listSessions(tx, id, page), page)
      return { data: data.map(presentSession), nextCursor }
    })
  }

  /** Newest created first, or with `sort=activity` last message first. */
  list(caller: OrgCaller, query: Query): Promise<Page<Shown>> {
    return this.db.inOrg(caller.orgId, async (tx) => {
      const where = { AND: [await this.viewOf(tx, caller, query), filtersOf(query), after(query)] }
      const rows = await tx.conversation.findMany({
        where,
        orderBy: query.sort === 'activity' ? byActivity : { id: 'desc' },
        take: query.limit + 1,
      })
      const contacts = await findContactNames(
        tx,
        rows.map(({ contactId }) => contactId),
      )
      const now = this.clock.now()
      const page = toPage(rows, query.limit, query.sort === 'activity' ? activityKey : ({ id }) => [id])
      return {
        data: page.data.map((row) =>
          presentConversation(row, contacts.get(row.contactId ?? '') ?? null, now),
        ),
        nextCursor: page.nextCursor,
      }
    })
  }

  private async viewOf(tx: OrgTx, caller: OrgCaller, { view }: Query): Promise<Where> {
    const sight = await sightOf(tx, caller)
    switch (view) {
      case 'mine':
        return { agentId: agentOf(caller), status: { in: ['active', 'waiting', 'wrap_up'] } }
      case 'open':
        return { AND: [{ status: 'open' }, visible(sight)] }
      case 'closed_today':
        return {
          agentId: agentOf(caller),
          status: 'closed',
          closedAt: { gte: await this.today(tx, caller.orgId) },
        }
      case 'all':
        if (caller.role === 'agent')
          throw new AppError('forbidden', 'Only admins and supervisors see all conversations.')
        return visible(sight)
      default:
        return visible(sight)
    }
  }

  private async today(tx: OrgTx, orgId: string): Promise<Date> {
    const organization = await tx.organization.findFirst({ where: { id: orgId }, select: { timeZone: true } })
    return startOfDay(this.clock.now(), organization?.timeZone ?? 'UTC')
  }
}

/** One conversation that the caller may see; otherwise it does not exist for them. */
export async function findVisible(tx: OrgTx, caller: OrgCaller, id: string): Promise<Conversation> {
  const row = await tx.conversation.findFirst({ where: { id } })
  if (!row) throw notFound('conversation')
  await assertCanSee(tx, caller, row)
  return row
}

function visible(sight: Sight): Where {
  if (sight.kind === 'all') return {}
  const inQueues = { queueId: { in: [...sight.queueIds] } }
  if (sight.kind === 'queues') return inQueues
  return { OR: [{ agentId: sight.agentId }, { AND: [inQueues, { status: { in: ['open', 'waiting'] } }] }] }
}

function filtersOf({ status, contactId, customerAddress, workstreamId, queueId }: Query): Where {
  return {
    ...(status && { status }),
    ...(contactId && { contactId }),
    ...(customerAddress && { customerAddress: plusForm(customerAddress) }),
    ...(workstreamId && { workstreamId }),
    ...(queueId && { queueId }),
  }
}

// In a query string an unescaped plus arrives as a blank; a number without it means the same customer
const plusForm = (address: string) => ({
  in: [address, address.replace(/^ /, '+'), ...(/^\d{9,15}$/.test(address) ? [`+${address}`] : [])],
})

// The first is what the index has; it decides nothing that the second would not
const byActivity: Prisma.ConversationOrderByWithRelationInput[] = [
  { activeAt: 'desc' },
  { lastMessageAt: 'desc' },
  { id: 'desc' },
]

const activityKey = (row: Conversation): string[] => [row.lastMessageAt.toISOString(), row.id]

function after({ sort, cursor }: Query): Where {
  if (sort === 'created') {
    const [id] = readCursor(cursor, [idPattern]) ?? []
    return id ? { id: { lt: id } } : {}
  }
  const last = readTimeCursor(cursor)
  if (!last) return {}
  const { time: lastMessageAt, id } = last
  return {
    activeAt: { lte: activeAt(lastMessageAt) },
    OR: [{ lastMessageAt: { lt: lastMessageAt } }, { lastMessageAt, id: { lt: id } }],
  }
}
