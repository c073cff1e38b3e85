import type { z } from 'zod'
import type { Database } from '../db/database.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { type Sight, sightOf } from './access.js'
import {
  countLive,
  findLiveAgents,
  findLiveQueues,
  type LiveAgent,
  type LiveCount,
  type LiveQueue,
} from './live-repository.js'
import type { liveSchema } from './schemas.js'

type Board = z.infer<typeof liveSchema>
type Counts = Board['conversations']

/** What a supervisor's board shows: how much there is in which state and who is there to do it (domain.md 15.3, live counts). */
export class LiveBoard {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Supervisors see their queues and the agents in them; admins everything. */
  read(caller: OrgCaller): Promise<Board> {
    return this.db.inOrg(caller.orgId, async (tx) => {
      const sight = await sightOf(tx, caller)
      const [counts, queues, agents] = await Promise.all([
        countLive(tx),
        findLiveQueues(tx),
        findLiveAgents(tx),
      ])
      return boardOf({ counts, queues, agents }, sight, this.clock.now())
    })
  }
}

interface Found {
  counts: readonly LiveCount[]
  queues: readonly LiveQueue[]
  agents: readonly LiveAgent[]
}

/** Pure: the board of what this caller sees. */
function boardOf(found: Found, sight: Sight, at: Date): Board {
  const sees = (queueId: string | null) =>
    sight.kind === 'all' || (queueId !== null && sight.queueIds.has(queueId))
  const counts = found.counts.filter(({ queueId }) => sees(queueId))
  const agents = found.agents.filter(({ queueIds }) => sight.kind === 'all' || queueIds.some(sees))
  const queues = found.queues.filter(({ id }) => sees(id))
  return {
    at: at.toISOString(),
    conversations: sumOf(counts),
    agents: presencesOf(agents),
    queues: queues.map(({ id, name, members }) => ({
      id,
      name,
      members,
      agents: presencesOf(agents.filter(({ queueIds }) => queueIds.includes(id))),
      conversations: sumOf(counts.filter(({ queueId }) => queueId === id)),
    })),
  }
}

function sumOf(counts: readonly LiveCount[]): Counts {
  const count = (fits: (one: LiveCount) => boolean) =>
    counts.filter(fits).reduce((sum, { conversations }) => sum + conversations, 0)
  const waits = counts.flatMap(({ waitsSince }) => (waitsSince ? [waitsSince.getTime()] : []))
  return {
    open: count(({ status }) => status === 'open'),
    awaitingAcceptance: count(({ status, isAccepted }) => status === 'active' && !isAccepted),
    active: count(({ status, isAccepted }) => status === 'active' && isAccepted),
    waiting: count(({ status }) => status === 'waiting'),
    wrapUp: count(({ status }) => status === 'wrap_up'),
    longestOpenSince: waits.length > 0 ? new Date(Math.min(...waits)).toISOString() : null,
  }
}

function presencesOf(agents: readonly LiveAgent[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { presence } of agents) counts[presence] = (counts[presence] ?? 0) + 1
  return counts
}
