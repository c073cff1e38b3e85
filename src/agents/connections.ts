import type { Database, OrgTx } from '../db/database.js'
import type { OrgCaller } from '../lib/caller.js'
import { type Clock, seconds } from '../lib/clock.js'
import { graceAfterLoss, longestSilence } from '../lib/connection-patience.js'
import { newId } from '../lib/ids.js'
import type { Logger } from '../lib/logger.js'
import {
  type Connection,
  endConnections,
  endSilentConnections,
  findLost,
  keepConnections,
  setOffline,
  signIn,
} from './connection-repository.js'
import { announcePresence } from './presence-changes.js'

const heartbeat = seconds(30)

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
  private readonly held = new Map<string, Connection & { orgId: string }>()
  private timer: NodeJS.Timeout | null = null
  /** Endings follow each other: many streams end at once when a process stops */
  private ending: Promise<void> = Promise.resolve()

  constructor(private readonly parts: Parts) {}

  /** A stream of this caller stands. Answers what to call when it has ended. */
  async opened({ orgId, agentId }: OrgCaller): Promise<() => void> {
    if (!agentId) return () => undefined
    const connection = { id: newId(), agentId, orgId }
    await this.parts.db.inOrg(orgId, async (tx) => {
      const now = this.parts.clock.now()
      await signIn(tx, agentId, now)
      await keepConnections(tx, [connection], now)
      await announcePresence(tx, now)
    })
    this.held.set(connection.id, connection)
    this.timer ??= setInterval(() => void this.beat(), heartbeat)
    return () => this.closed(connection)
  }

  /** Ends what a dead process has left, and sets those offline who were not back in time. */
  async review(orgId: string): Promise<void> {
    const { db, clock, giveBackOffers } = this.parts
    const now = clock.now()
    const before = new Date(now.getTime() - graceAfterLoss)
    const lost = await db.inOrg(orgId, async (tx) => {
      const since = new Date(now.getTime() - longestSilence)
      await endSilentConnections(tx, { since, except: [...this.held.keys()], now })
      return findLost(tx, before)
    })
    for (const agentId of lost) {
      await db.inOrg(orgId, async (tx) => {
        // As when an agent goes: conversations are locked before agents
        await giveBackOffers(tx, agentId, now)
        if (await setOffline(tx, agentId, { before, now })) await giveBackOffers(tx, agentId, now)
        await announcePresence(tx, now)
      })
    }
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer)
    this.timer = null
    await this.ending
  }

  private closed({ id, orgId }: Connection & { orgId: string }): void {
    if (!this.held.delete(id)) return
    const { db, clock, log } = this.parts
    this.ending = this.ending
      .then(() => db.inOrg(orgId, (tx) => endConnections(tx, [id], clock.now())))
      .catch((error) =>
        log.warn({ err: error, orgId }, 'the end of a stream was not noted, it is found by its silence'),
      )
  }

  private async beat(): Promise<void> {
    const { db, clock, log } = this.parts
    const all = [...this.held.values()]
    for (const orgId of new Set(all.map((connection) => connection.orgId))) {
      const connections = all.filter((connection) => connection.orgId === orgId)
      await db
        .inOrg(orgId, (tx) => keepConnections(tx, connections, clock.now()))
        .catch((error) => log.warn({ err: error, orgId }, 'open streams were not kept, it repeats'))
    }
  }
}
