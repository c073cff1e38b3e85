import type { ServerResponse } from 'node:http'
import { seconds } from '../lib/clock.js'
import { publicEventTypes } from './event-types.js'
import type { EventFeed, FeedEvent } from './feed.js'

/** Whether this caller may hear of an event. */
export type Audience = (event: FeedEvent) => boolean

const heartbeatInterval = seconds(15)
// A reader this far behind is cut off: it reconnects and resumes, and holds up nobody
const maxBufferedBytes = 1024 * 1024
const replayBatch = 1000
const heard: ReadonlySet<string> = new Set(publicEventTypes)

/**
 * One open stream of server-sent events. What happens while missed events are replayed waits, so that every event is
 * sent once and in order.
 */
export class EventStream {
  private waiting: FeedEvent[] | null = []
  private sent = 0n
  private readonly heartbeat: NodeJS.Timeout
  private readonly onEvent = (event: FeedEvent) => this.receive(event)

  constructor(
    private readonly parts: { orgId: string; feed: EventFeed; audience: Audience; response: ServerResponse },
  ) {
    this.heartbeat = setInterval(() => this.write(': still here\n\n'), heartbeatInterval)
    parts.response.on('close', () => this.stop())
  }

  /** @param lastEventId the position that the client has, null for a client that starts now */
  async open(lastEventId: bigint | null): Promise<void> {
    const { orgId, feed } = this.parts
    this.write('retry: 1000\n\n')
    const upTo = await feed.subscribe(orgId, this.onEvent)
    this.sent = lastEventId ?? upTo
    await this.replay(upTo)
    for (const event of this.waiting ?? []) this.send(event)
    this.waiting = null
  }

  end(): void {
    this.stop()
    this.parts.response.end()
  }

  private async replay(upTo: bigint): Promise<void> {
    let after = this.sent
    while (after < upTo) {
      const missed = await this.parts.feed.missed(this.parts.orgId, after, upTo)
      for (const event of missed) this.send(event)
      if (missed.length < replayBatch) return
      after = missed.at(-1)?.position ?? upTo
    }
  }

  private receive(event: FeedEvent): void {
    if (this.waiting) this.waiting.push(event)
    else this.send(event)
  }

  private send(event: FeedEvent): void {
    if (event.position <= this.sent) return
    this.sent = event.position
    if (!heard.has(event.type) || !this.parts.audience(event)) return
    this.write(`id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`)
  }

  private write(text: string): void {
    const { response } = this.parts
    if (response.destroyed || response.writableEnded) return
    response.write(text)
    if (response.writableLength > maxBufferedBytes) response.destroy()
  }

  private stop(): void {
    clearInterval(this.heartbeat)
    this.parts.feed.unsubscribe(this.parts.orgId, this.onEvent)
  }
}
