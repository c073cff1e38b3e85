import type { TestService } from './service.js'

export interface ApiCall {
  method: string
  path: string
  /** Null: no key */
  key: string | null
  /** Sent as JSON; null for no body */
  body?: unknown
  headers?: Record<string, string>
}

export interface ApiAnswer {
  status: number
  text: string
  headers: Headers
}

/** One call over the network. Of a stream of events that opens, only the status is waited for. */
export async function call(
  service: TestService,
  { method, path, key, ...more }: ApiCall,
): Promise<ApiAnswer> {
  const hasBody = more.body !== undefined && more.body !== null
  const answer = await fetch(service.url + path, {
    method,
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...(hasBody && { 'content-type': 'application/json' }),
      ...more.headers,
    },
    ...(hasBody && { body: JSON.stringify(more.body) }),
  })
  const { status, headers } = answer
  if (status === 200 && headers.get('content-type')?.startsWith('text/event-stream')) {
    await answer.body?.cancel()
    return { status, headers, text: '' }
  }
  return { status, headers, text: await answer.text() }
}

/** What the caller was told, without what differs from call to call. */
export const told = ({ status, text }: ApiAnswer): string =>
  `${status} ${text.replace(/"requestId":"[^"]*"/, '"requestId":"…"')}`
