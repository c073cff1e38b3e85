import { get } from 'node:http'

/** An open stream of server-sent events. */
export interface EventListener {
  close(): void
}

/**
 * Listens to `GET /v1/events` as the caller with this key.
 * @param onMessage is given the provider's id of each message received
 */
export function listen(
  port: number,
  apiKey: string,
  onMessage: (messageSid: string) => void,
): Promise<EventListener> {
  return listenTo(port, apiKey, (event) => {
    const messageSid = readReceived(event)
    if (messageSid !== null) onMessage(messageSid)
  })
}

/** @param onEvent is given each event as it came */
export function listenTo(
  port: number,
  apiKey: string,
  onEvent: (event: string) => void,
): Promise<EventListener> {
  return new Promise((resolve, reject) => {
    const request = get({
      host: '127.0.0.1',
      port,
      path: '/v1/events',
      headers: { authorization: `Bearer ${apiKey}`, accept: 'text/event-stream' },
      agent: false,
    })
    request.on('error', reject)
    request.on('response', (response) => {
      if (response.statusCode !== 200) {
        return reject(new Error(`The event stream was answered ${response.statusCode}.`))
      }
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        const blocks = (rest + chunk).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) onEvent(block)
        // The first thing on the stream says that it has begun
        resolve({ close: () => request.destroy() })
      })
    })
  })
}

/** The provider's message id where the block is a `message.received` event, else null. */
export function readReceived(block: string): string | null {
  const lines = block.split('\n')
  if (!lines.includes('event: message.received')) return null
  const data = lines.find((line) => line.startsWith('data: '))
  if (data === undefined) return null
  const event = JSON.parse(data.slice(6)) as { message?: { providerMessageId?: string } }
  return event.message?.providerMessageId ?? null
}
