import { eventually, type TestService } from './service.js'

export interface EventReader {
  /** All that has come so far */
  text(): string
  /** Waits until this has come */
  until(part: string): Promise<void>
  close(): void
}

/** An open stream of events, as soon as it is open. */
export async function readEvents(
  service: TestService,
  key: string,
  headers: Record<string, string> = {},
): Promise<EventReader> {
  const controller = new AbortController()
  const answer = await fetch(`${service.url}/v1/events`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
    signal: controller.signal,
  })
  let text = ''
  const reading = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true })
  })()
  reading.catch(() => undefined)
  return {
    text: () => text,
    async until(part) {
      await eventually(
        async () => text,
        (seen) => seen.includes(part),
      )
    },
    close: () => controller.abort(),
  }
}
