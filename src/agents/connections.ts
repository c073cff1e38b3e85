import type { Database, OrgTx } from '../db/database.js'
import type { OrgCaller } from '../lib/caller.js'
import { type Clock, later, seconds } from '../lib/clock.js'
import { graceAfterLoss, longestSilence } from '../lib/connection-patience.js'
import { newId } from '../lib/ids.js'
import type { Logger } from '../lib/logger.js'
import {
  type Connection,
  endConnections,
  endGrace,
  endSilentConnections,
  findLost,
  keepConnections,
  returnThose,
  signIn,
} from './connection-repository.js'
import { announcePresence } from './presence-changes.js'

const heartbeat = seconds(30)

type Held = Connection & { orgId: string }

interface Parts {
  db: Database
  clock: Clock
  log: Logger
  /** Takes what the agent was offered and has not accepted back to its queues */
  giveBackOffers(tx: OrgTx, agentId: string, now: Date): Promise<void>
}

/**
 * An agent's open event streams are their connection, for those who have opened one since they set their presence. Each is a
 * row that its process keeps fresh, so that it does not matter which process holds it, nor whether that one dies.
 */
export class Connections {
  private readonly held = new Map<string, Held>()
  private timer: NodeJS.Timeout | null = null
  /** Many streams end at once when a process stops: they are noted together, one lot after the other */
  private ended: Held[] = []
  private ending: Promise<void> = Promise.resolve()
  private readonly startedAt: Date

  constructor(private readonly parts: Parts) {
    this.startedAt = parts.clock.now()
  }

  /** A stream of this caller stands. Answers what to call when it has ended. */
  async opened({ orgId, agentId }: Pick<OrgCaller, 'orgId' | 'agentId'>): Promise<() => void> {
    if (!agentId) return () => undefined
    const connection = { id: newId(), agentId, orgId }
    await this.parts.db.inOrg(orgId, async (tx) => {
      const now = this.parts.clock.now()
      await signIn(tx, [agentId], now)
      await keepConnections(tx, [connection], now)
      await announcePresence(tx, now)
    })
    this.held.set(connection.id, connection)
    this.timer ??= setInterval(() => void this.beat(), heartbeat)
    return () => this.closed(connection)
  }

  /** Ends what a dead process has left, and gives up on those who were not back in time; a start begins the time anew. */
  async review(orgId: string): Promise<void> {
    const { db, clock, giveBackOffers } = this.parts
    const now = clock.now()
    const before = later(now, -graceAfterLoss)
    const lost = await db.inOrg(orgId, async (tx) => {
      const since = later(now, -longestSilence)
      await endSilentConnections(tx, { since, except: [...this.held.keys()], now })
      await announcePresence(tx, now)
      return before < this.startedAt ? [] : findLost(tx, before)
    })
    for (const agentId of lost) {
      await db.inOrg(orgId, async (tx) => {
        // As when an agent goes: conversations are locked before agents
        await giveBackOffers(tx, agentId, now)
        if (await endGrace(tx, agentId, before)) await giveBackOffers(tx, agentId, now)
      })
    }
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer)
    this.timer = null
    await this.ending
  }

  private closed(connection: Held): void {
    if (!this.held.delete(connection.id)) return
    this.ended.push(connection)
    this.ending = this.ending.then(() => this.noteEnded())
  }

  private async noteEnded(): Promise<void> {
    const { clock } = this.parts
    const ended = this.ended
    this.ended = []
    await this.inEach(ended, 'the end of streams was not noted, it is found by their silence', (tx, own) =>
      endConnections(
        tx,
        own.map(({ id }) => id),
        clock.now(),
      ),
    )
  }

  private async beat(): Promise<void> {
    const { clock } = this.parts
    await this.inEach([...this.held.values()], 'open streams were not kept, it repeats', async (tx, own) => {
      const now = clock.now()
      await keepConnections(tx, own, now)
      await returnThose(
        tx,
        own.map(({ agentId }) => agentId),
        now,
      )
    })
  }

  /** Each organization's streams in a unit of work of their own. */
  private async inEach(
    connections: readonly Held[],
    failed: string,
    work: (tx: OrgTx, own: readonly Held[]) => Promise<void>,
  ): Promise<void> {
    const { db, clock, log } = this.parts
    for (const orgId of new Set(connections.map((connection) => connection.orgId))) {
      const own = connections.filter((connection) => connection.orgId === orgId)
      await db
        .inOrg(orgId, async (tx) => {
          await work(tx, own)
          await announcePresence(tx, clock.now())
        })
        .catch((error) => log.warn({ err: error, orgId }, failed))
    }
  }
}
