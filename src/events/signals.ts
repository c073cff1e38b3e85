import { EventEmitter } from 'node:events'
import type pg from 'pg'
import type { Database } from '../db/database.js'
import { seconds } from '../lib/clock.js'
import { newId } from '../lib/ids.js'
import { inTime } from '../lib/in-time.js'
import type { Logger } from '../lib/logger.js'

/** `outbox`: events were committed that wait to be published. `published`: events have their positions. */
export type SignalName = 'outbox' | 'published'

const channel = 'parley_signals'
const reconnectAfter = seconds(1)
/** For a database that went away without a word */
const patience = seconds(5)

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

  /** To this process, or to the others where nobody here listens: one relay is enough. */
  send(name: SignalName): void {
    if (!this.emitter.emit(name)) this.tellOthers(name)
  }

  tellOthers(name: SignalName): void {
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
      await this.notify(payload).catch((error) => this.log.debug({ err: error }, 'signal not sent'))
    }
    this.isSending = false
  }

  /** Waits for no disk: what is lost with the server is looked for when it is back. */
  private async notify(payload: string): Promise<void> {
    if (!this.listener) return
    const sent = this.listener.query('SELECT pg_notify($1, $2)', [channel, payload])
    await inTime(sent, patience, () => new Error('The database does not answer.'))
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
