import type { ServerResponse } from 'node:http'
import { seconds } from '../lib/clock.js'
import { publicEventTypes } from './event-types.js'
import type { EventFeed, FeedEvent } from './feed.js'

/** Whether this caller may hear of an event. */
export type Audience = (event: FeedEvent) => boolean

const heartbeatInterval = seconds(15)
// A reader this far behind is cut off: it reconnects and resumes, and holds up nobody
const maxBufferedBytes = 1024 * 1024
// What may happen while a client that reconnects is still being told what it missed
const maxWaiting = 20_000
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
    const upTo = await feed.subscribe(orgId, this.onEvent)
    // Only now, and the head of the answer with it: whoever sees the stream stand misses nothing from then on
    this.write('retry: 1000\n\n')
    this.sent = lastEventId ?? upTo
    await this.replay(upTo)
    await this.catchUp()
  }

  end(): void {
    this.stop()
    this.parts.response.end()
  }

  private async replay(upTo: bigint): Promise<void> {
    let after = this.sent
    while (after < upTo && !this.isGone) {
      const missed = await this.parts.feed.missed(this.parts.orgId, after, upTo)
      const last = missed.at(-1)
      if (!last) return
      // Who may hear it was asked when the stream was opened: what changed before that is over
      for (const event of missed) if (heard.has(event.type)) await this.sendAtItsPace(event)
      after = last.position
    }
  }

  /** What happened meanwhile, until nothing is left; from then on events are written as they come. */
  private async catchUp(): Promise<void> {
    for (let event = this.waiting?.shift(); event; event = this.waiting?.shift()) {
      await this.sendAtItsPace(event)
      if (this.isGone) break
    }
    this.waiting = null
  }

  private receive(event: FeedEvent): void {
    if (!this.waiting) this.send(event)
    else if (this.waiting.push(event) > maxWaiting) this.parts.response.destroy()
  }

  /** Goes on when the reader has taken what is written: however much it missed, it is not cut off for that. */
  private async sendAtItsPace(event: FeedEvent): Promise<void> {
    const { response } = this.parts
    this.send(event)
    if (!response.writableNeedDrain || this.isGone) return
    await new Promise<void>((resolve) => {
      const goOn = () => {
        response.off('drain', goOn)
        response.off('close', goOn)
        resolve()
      }
      response.on('drain', goOn)
      response.on('close', goOn)
    })
  }

  private get isGone(): boolean {
    return this.parts.response.destroyed || this.parts.response.writableEnded
  }

  private send(event: FeedEvent): void {
    if (event.position <= this.sent) return
    this.sent = event.position
    // Asked about every event: some tell it that this caller hears no more
    if (!this.parts.audience(event) || !heard.has(event.type)) return
    this.write(frameOf(event))
  }

  private write(frame: string | Buffer): void {
    const { response } = this.parts
    if (this.isGone) return
    response.write(frame)
    if (response.writableLength > maxBufferedBytes) response.destroy()
  }

  private stop(): void {
    clearInterval(this.heartbeat)
    this.parts.feed.unsubscribe(this.parts.orgId, this.onEvent)
  }
}

const frames = new WeakMap<FeedEvent, Buffer>()

/** Made once for all streams that send it. */
function frameOf(event: FeedEvent): Buffer {
  const made = frames.get(event)
  if (made) return made
  const frame = Buffer.from(`id: ${event.position}\nevent: ${event.type}\ndata: ${event.data}\n\n`)
  frames.set(event, frame)
  return frame
}
