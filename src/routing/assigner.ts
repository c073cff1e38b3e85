import { type ConversationChange, changeConversation, type WorkTerms } from '../conversations/change.js'
import { recordChanges } from '../conversations/record.js'
import { findTerms } from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import { findRatings } from '../skills/repository.js'
import type { Item } from './choose-agent.js'
import { FreeAgents } from './free-agents.js'
import { noPreference, preferenceOf } from './preference.js'
import { type Considered, consider } from './record.js'
import { saveConsidered } from './record-repository.js'
import {
  findCandidates,
  findHistories,
  findMembers,
  findPlaces,
  type History,
  saveTurns,
} from './repository.js'
import { type Demand, noRefusals } from './rule-out.js'
import { findRoutingSettings } from './settings-repository.js'
import {
  findLines,
  type Line,
  lockHeads,
  type Place,
  parkConversations,
  rankOf,
  type Wanted,
} from './waiting-repository.js'

/** Of one line in one batch (domain.md 5.5). */
const mostOfLine = 100
/** More than there is room for, because some will turn out to be declined by those who are free. */
const spare = 10
/** Declined by so many agents, it is left to people. */
const mostDecliners = 100

interface Head {
  row: Conversation
  line: Line
  history: History | undefined
}

interface Offer {
  line: Line
  agentId: string
  change: ConversationChange
  considered: Considered
}

/**
 * One pass over what waits: offers the heads of the lines that somebody could take, batch by batch, in the order of the
 * queues' priorities and of the places in them, over all queues together. What nobody who is free may take is passed
 * over, so that what stands behind it gets its turn in the same pass.
 */
export class Pass {
  private reached: ReadonlyMap<string, Place> = new Map()
  /** The same with what the batch has reached that is not committed yet: one that fails has reached nothing */
  private reaching = new Map<string, Place>()
  /** Everything that somebody is free for was looked at */
  isOver = false

  /** Joins a unit of work that has the organization's lock for routing. Answers how many conversations it looked at. */
  async assignBatch(tx: OrgTx, take: Take, now: Date): Promise<number> {
    this.isOver = true
    this.reaching = new Map(this.reached)
    const free = new FreeAgents(await findCandidates(tx))
    if (free.queueIds.length === 0) return 0
    const wanted = this.wantedOf(await this.linesFor(tx, free), free, now)
    if (wanted.length === 0) return 0
    const rows = await lockHeads(tx, wanted, take)
    if (rows.length === 0) return 0
    const ids = rows.map(({ id }) => id)
    take.took(ids)
    const [histories, terms, members] = await Promise.all([
      findHistories(tx, ids),
      findTerms(
        tx,
        rows.map(({ workstreamId }) => workstreamId),
      ),
      findMembers(tx, [...new Set(rows.flatMap(({ queueId }) => queueId ?? []))]),
    ])
    free.meet(members)
    const heads = inOrder(rows, wanted, histories)
    this.isOver = rows.length < take.limit && !isFull(wanted, heads)
    await this.offer(tx, heads, { free, terms, now })
    return rows.length
  }

  /** The last batch has committed. */
  keep(): void {
    this.reached = this.reaching
  }

  private async linesFor(tx: OrgTx, free: FreeAgents): Promise<Line[]> {
    const lines = await findLines(tx, free.queueIds)
    const [places, ratings] = await Promise.all([
      findPlaces(
        tx,
        lines.flatMap(({ profileIds }) => profileIds),
      ),
      findRatings(
        tx,
        lines.flatMap(({ skills }) => skills.map(({ skillId }) => skillId)),
      ),
    ])
    free.learn(places, ratings)
    // What a deleted profile asked for is asked for in units; a deleted skill is asked for no more
    return lines.map((line) => ({
      ...line,
      profileIds: line.profileIds.filter((id) => places.has(id)),
      skills: line.skills.filter(({ skillId }) => ratings.has(skillId)),
    }))
  }

  private wantedOf(lines: readonly Line[], free: FreeAgents, now: Date): Wanted[] {
    return lines.flatMap((line) => {
      const room = free.roomFor(demandOf(line), now)
      const after = this.reached.get(keyOf(line)) ?? null
      return room > 0 ? [{ line, after, most: Math.min(mostOfLine, room + spare) }] : []
    })
  }

  private async offer(
    tx: OrgTx,
    heads: readonly Head[],
    { free, terms, now }: { free: FreeAgents; terms: Map<string, WorkTerms>; now: Date },
  ): Promise<void> {
    const hasDeclines = heads.some(({ history }) => history && history.declines.size > 0)
    const limit = hasDeclines ? (await findRoutingSettings(tx)).declineLimit : noRefusals.limit
    const offers: Offer[] = []
    const parked: string[] = []
    for (const head of heads) {
      const { row, line, history } = head
      // Nobody is free for the rest of its line: who becomes free while this pass goes on takes the first of them
      if (free.roomFor(demandOf(line), now) === 0) continue
      this.reaching.set(keyOf(line), {
        rank: rankOf(row),
        queuedAt: row.queuedAt ?? row.createdAt,
        id: row.id,
      })
      if (declinersOf(history) >= mostDecliners) {
        parked.push(row.id)
        continue
      }
      const item = itemOf(head, limit)
      const considered = consider(item, free.considered(item.demand), now)
      const agentId = await free.claim(tx, item, now)
      if (!agentId) continue
      const asked = { ...row, capacityProfileIds: line.profileIds }
      const change = changeConversation(asked, { type: 'offered', agentId }, termsOf(terms, row), now)
      // The agent's capacity is claimed: without the offer it would be lost
      if (!change) throw new Error(`Conversation ${row.id} was locked as open and cannot be offered`)
      offers.push({ line, agentId, change, considered: { ...considered, agentId } })
    }
    const changes = offers.map(({ change }) => change)
    const turns = offers.filter(({ line }) => line.method === 'round_robin')
    await Promise.all([
      recordChanges(tx, changes, now),
      saveTurns(
        tx,
        turns.map(({ line: { queueId }, agentId }) => ({ queueId, agentId })),
        now,
      ),
      saveConsidered(
        tx,
        offers.map(({ change, considered }) => ({ id: change.after.id, offered: considered })),
      ),
      parkConversations(tx, parked, 'declined_by_many'),
    ])
  }
}

const keyOf = ({ queueId, demand }: Line): string => `${queueId} ${demand}`

const demandOf = ({ preferred, presences, ...line }: Line): Demand => ({
  ...{ queueId: line.queueId, units: line.units, profileIds: line.profileIds },
  ...{ skills: line.skills, skillMatching: line.skillMatching },
  presences: new Set(presences),
  preference: preferred ? preferenceOf(preferred) : noPreference,
})

function itemOf({ line, history }: Head, limit: number): Item {
  return {
    demand: demandOf(line),
    method: line.method,
    lastAgentId: line.keepSameAgent ? (history?.lastAgentId ?? null) : null,
    refusals: { byAgent: history?.declines ?? new Map(), limit },
  }
}

const declinersOf = (history: History | undefined): number =>
  [...(history?.declines.values() ?? [])].filter(({ count }) => count > 0).length

function inOrder(
  rows: readonly Conversation[],
  wanted: readonly Wanted[],
  histories: Map<string, History>,
): Head[] {
  const lines = new Map(wanted.map(({ line }) => [keyOf(line), line]))
  const heads = rows.flatMap((row) => {
    const line = lines.get(`${row.queueId} ${row.demand ?? row.workstreamId}`)
    return line ? [{ row, line, history: histories.get(row.id) }] : []
  })
  const queuedAt = ({ row }: Head): number => (row.queuedAt ?? row.createdAt).getTime()
  return heads.sort(
    (one, other) =>
      one.line.queuePriority - other.line.queuePriority ||
      rankOf(one.row) - rankOf(other.row) ||
      queuedAt(one) - queuedAt(other) ||
      (one.row.id < other.row.id ? -1 : 1),
  )
}

const isFull = (wanted: readonly Wanted[], heads: readonly Head[]): boolean =>
  wanted.some(({ line, most }) => heads.filter((head) => head.line === line).length === most)
