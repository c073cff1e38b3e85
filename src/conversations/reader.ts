import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import {
  idPattern,
  type Page,
  type PageRequest,
  pageById,
  readCursor,
  readTimeCursor,
  toPage,
} from '../db/page.js'
import { getTimeZone } from '../identity/time-zone.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, notFound } from '../lib/errors.js'
import { startOfDay } from '../lib/local-day.js'
import { agentOf, assertCanSee, sightOf } from './access.js'
import { activeAt } from './due-times.js'
import { listStatusChanges } from './history-repository.js'
import {
  type After,
  type Filters,
  type ListedConversation,
  listConversations,
  type Source,
} from './list-repository.js'
import { findParticipantsOf, findParticipation } from './participant-repository.js'
import { presentConversation, presentOpening, presentSession, presentStatusChange } from './present.js'
import { findContactNames } from './repository.js'
import type { conversationQuery } from './schemas.js'
import { listSessions } from './session-repository.js'

type Query = z.infer<typeof conversationQuery>
type Shown = ReturnType<typeof presentConversation>

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
      const others = await findParticipantsOf(
        tx,
        data.map((session) => session.id),
      )
      const shown = others.filter(({ mode }) => mode === 'consult' || caller.role !== 'agent')
      return { data: data.map((session) => presentSession(session, shown)), nextCursor }
    })
  }

  /** Every step in order, from the opening on: what happened, why, and who did it. */
  history(caller: OrgCaller, id: string, page: PageRequest) {
    return this.db.inOrg(caller.orgId, async (tx) => {
      const conversation = await findVisible(tx, caller, id)
      const steps = (await listStatusChanges(tx, id, page)).map(presentStatusChange)
      return pageById(page.cursor ? steps : [presentOpening(conversation), ...steps], page)
    })
  }

  /** Newest created first, or with `sort=activity` last message first. */
  list(caller: OrgCaller, query: Query): Promise<Page<Shown>> {
    return this.db.inOrg(caller.orgId, async (tx) => {
      const rows = await listConversations(tx, {
        sources: await this.sourcesOf(tx, caller, query),
        filters: filtersOf(query),
        after: after(query),
        sort: query.sort,
        take: query.limit + 1,
      })
      const now = this.clock.now()
      const page = toPage(rows, query.limit, query.sort === 'activity' ? activityKey : ({ id }) => [id])
      return {
        data: page.data.map((row) => presentConversation(row, contactOf(row), now)),
        nextCursor: page.nextCursor,
      }
    })
  }

  private async sourcesOf(tx: OrgTx, caller: OrgCaller, { view }: Query): Promise<Source[]> {
    switch (view) {
      case 'mine': {
        const agentId = agentOf(caller)
        const held = { agentId, statuses: ['active', 'waiting', 'wrap_up'] } as const
        return [held, ...concerning(agentId, await findParticipation(tx, agentId), [])]
      }
      case 'open':
        return (await visible(tx, caller)).map((source) => ({ ...source, statuses: ['open'] }))
      case 'closed_today': {
        const closedSince = startOfDay(this.clock.now(), await getTimeZone(tx))
        return [{ agentId: agentOf(caller), statuses: ['closed'], closedSince }]
      }
      case 'all':
        if (caller.role === 'agent')
          throw new AppError('forbidden', 'Only admins and supervisors see all conversations.')
        return await visible(tx, caller)
      default:
        return await visible(tx, caller)
    }
  }
}

/** One conversation that the caller may see; otherwise it does not exist for them. */
export async function findVisible(tx: OrgTx, caller: OrgCaller, id: string): Promise<Conversation> {
  const row = await tx.conversation.findFirst({ where: { id } })
  if (!row) throw notFound('conversation')
  await assertCanSee(tx, caller, row)
  return row
}

/** Where what a caller may see is found, no conversation twice. */
async function visible(tx: OrgTx, caller: OrgCaller): Promise<Source[]> {
  const [sight, participation] = await Promise.all([
    sightOf(tx, caller),
    caller.agentId ? findParticipation(tx, caller.agentId) : [],
  ])
  if (sight.kind === 'all') return [{}]
  const { agentId, queueIds } = sight
  const inQueues = queueIds.size > 0 ? [{ queueIds: [...queueIds] }] : []
  if (sight.kind === 'queues') return [...inQueues, ...concerning(agentId, participation, [...queueIds])]
  const ofOthers = inQueues.map(
    (queue) => ({ ...queue, statuses: ['open', 'waiting'], notOf: agentId }) as const,
  )
  return [{ agentId }, ...concerning(agentId, participation, []), ...ofOthers]
}

/** What is to be transferred to an agent, and where they take part or are asked to, outside of these queues. */
function concerning(agentId: string, participation: string[], notInQueues: string[]): Source[] {
  const outside = notInQueues.length > 0 ? { notInQueues } : {}
  const ofThese = { ids: participation, notToCome: agentId, notOf: agentId, ...outside }
  return [{ transferAgentId: agentId, ...outside }, ...(participation.length > 0 ? [ofThese] : [])]
}

function filtersOf({ status, contactId, customerAddress, workstreamId, queueId }: Query): Filters {
  return {
    status,
    contactId,
    customerAddresses: customerAddress === undefined ? undefined : plusForms(customerAddress),
    workstreamId,
    queueId,
  }
}

// In a query string an unescaped plus arrives as a blank; a number without it means the same customer
const plusForms = (address: string): string[] => [
  address,
  address.replace(/^ /, '+'),
  ...(/^\d{9,15}$/.test(address) ? [`+${address}`] : []),
]

const contactOf = ({ contactId, contactName }: ListedConversation) =>
  contactId !== null && contactName !== null ? { id: contactId, name: contactName } : null

const activityKey = (row: ListedConversation): string[] => [row.lastMessageAt.toISOString(), row.id]

function after({ sort, cursor }: Query): After | null {
  if (sort === 'created') {
    const [id] = readCursor(cursor, [idPattern]) ?? []
    return id ? { id } : null
  }
  const last = readTimeCursor(cursor)
  return last && { id: last.id, lastMessageAt: last.time, activeAt: activeAt(last.time) }
}
