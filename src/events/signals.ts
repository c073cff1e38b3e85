import { EventEmitter } from 'node:events'
import type pg from 'pg'
import type { Database } from '../db/database.js'
import { Prisma } from '../db/generated/client.js'
import { seconds } from '../lib/clock.js'
import { newId } from '../lib/ids.js'
import type { Logger } from '../lib/logger.js'

/** `outbox`: events were committed. `published`: the relay gave events their positions. */
export type SignalName = 'outbox' | 'published'

const channel = 'parley_signals'
const reconnectAfter = seconds(1)

/**
 * Tells this process and the others that there is something to look at, through PostgreSQL's NOTIFY. Sent after the
 * commit and never inside it (a NOTIFY in a transaction makes commits wait for each other), many together as one. A
 * signal may get lost: whoever listens also looks once a second.
 */
export class Signals {
  private readonly emitter = new EventEmitter().setMaxListeners(0)
  private readonly origin = newId()
  private readonly wanted = new Set<SignalName>()
  private isSending = false
  private listener: pg.Client | null = null
  private isOpen = false

  constructor(
    private readonly db: Database,
    private readonly log: Logger,
  ) {}

  async open(): Promise<void> {
    this.isOpen = true
    await this.listen()
  }

  on(name: SignalName, look: () => void): () => void {
    this.emitter.on(name, look)
    return () => this.emitter.off(name, look)
  }

  send(name: SignalName): void {
    const isHeardHere = this.emitter.emit(name)
    // One relay is enough for what is in the outbox; every process has streams of its own
    if (name === 'outbox' && isHeardHere) return
    this.wanted.add(name)
    if (!this.isSending) void this.notifyOthers()
  }

  async close(): Promise<void> {
    this.isOpen = false
    await this.listener?.end().catch(() => undefined)
  }

  private async notifyOthers(): Promise<void> {
    this.isSending = true
    while (this.wanted.size > 0) {
      const payload = `${this.origin} ${[...this.wanted].join(' ')}`
      this.wanted.clear()
      await this.db
        .call(Prisma.sql`SELECT pg_notify(${channel}, ${payload})::text`)
        .catch((error) => this.log.debug({ err: error }, 'signal not sent'))
    }
    this.isSending = false
  }

  private async listen(): Promise<void> {
    const client = this.db.newListener()
    this.listener = client
    client.on('notification', ({ payload = '' }) => {
      const [origin, ...names] = payload.split(' ')
      if (origin !== this.origin) for (const name of names) this.emitter.emit(name)
    })
    client.on('error', (error) => this.log.warn({ err: error }, 'signal connection lost'))
    // Comes once for each connection, also for one that never stood
    client.on('end', () => this.reconnect())
    try {
      await client.connect()
      await client.query(`LISTEN ${channel}`)
    } catch (error) {
      this.log.warn({ err: error }, 'signal connection failed, it repeats')
      await client.end().catch(() => undefined)
    }
  }

  private reconnect(): void {
    if (!this.isOpen) return
    setTimeout(() => this.isOpen && void this.listen(), reconnectAfter).unref()
  }
}
