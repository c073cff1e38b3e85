import { eventually, type TestService } from './service.js'

export interface HeardEvent {
  /** The position to resume from */
  id: string
  type: string
  data: any
}

/** A client of `GET /v1/events` that keeps everything it hears. */
export class EventListener {
  readonly heard: HeardEvent[] = []
  /** Whether the service has ended the stream */
  isOver = false
  private readonly stopping = new AbortController()

  /** Answers when the stream stands. */
  static async open(
    { url }: Pick<TestService, 'url'>,
    key: string,
    lastEventId?: string,
  ): Promise<EventListener> {
    const listener = new EventListener()
    const answer = await fetch(`${url}/v1/events`, {
      headers: {
        authorization: `Bearer ${key}`,
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      },
      signal: listener.stopping.signal,
    })
    if (answer.status !== 200 || !answer.body) throw new Error(`The stream was refused: ${answer.status}`)
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    // The first line comes when the stream is subscribed
    let rest = (await reader.read()).value ?? ''
    void (async () => {
      try {
        for (;;) {
          const blocks = rest.split('\n\n')
          rest = blocks.pop() ?? ''
          listener.keep(blocks)
          const { value, done } = await reader.read()
          if (done) break
          rest += value
        }
      } catch {
        // Cut off by the service, or stopped by the test
      }
      listener.isOver = true
    })()
    return listener
  }

  get types(): string[] {
    return this.heard.map(({ type }) => type)
  }

  get lastId(): string {
    return this.heard.at(-1)?.id ?? '0'
  }

  /** The first event that fits, as soon as there is one. */
  async first(fits: (event: HeardEvent) => boolean): Promise<HeardEvent> {
    const found = await eventually(
      async () => this.heard.find(fits),
      (event) => event !== undefined,
    ).catch(() => undefined)
    if (!found) throw new Error(`Never heard. Heard were: ${this.types.join(', ')}`)
    return found
  }

  async until(holds: (heard: HeardEvent[]) => boolean): Promise<HeardEvent[]> {
    return eventually(async () => this.heard, holds)
  }

  stop(): void {
    this.stopping.abort()
  }

  private keep(blocks: string[]): void {
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]))
      const id = fields.get('id')
      if (id)
        this.heard.push({ id, type: fields.get('event') ?? '', data: JSON.parse(fields.get('data') ?? '') })
    }
  }
}
