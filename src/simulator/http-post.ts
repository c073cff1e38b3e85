import http from 'node:http'
import https from 'node:https'

export interface PostRequest {
  url: URL
  headers: Record<string, string>
  body: string
  connectMs: number
  readMs: number
}

export type PostResult =
  | { kind: 'answer'; status: number; contentType: string | null; body: string }
  | { kind: 'connect_failed' | 'no_answer'; error: string }

const answerBytesLimit = 64 * 1024

/** Posts with kept-alive connections; never throws. node:http because `fetch` costs several times as much per call. */
export class HttpPoster {
  private readonly httpAgent = new http.Agent({ keepAlive: true, maxSockets: 64 })
  private readonly httpsAgent = new https.Agent({ keepAlive: true, maxSockets: 64 })

  // Whether a kept connection was closed by the other side shows only on use: then one more try, on a new one.
  async post(request: PostRequest): Promise<PostResult> {
    const result = await this.attempt(request)
    return result.kind === 'stale' ? this.post(request) : result
  }

  close(): void {
    this.httpAgent.destroy()
    this.httpsAgent.destroy()
  }

  private attempt(wanted: PostRequest): Promise<PostResult | { kind: 'stale' }> {
    return new Promise((resolve) => {
      const secure = wanted.url.protocol === 'https:'
      let connected = false
      const request = (secure ? https : http).request(wanted.url, {
        method: 'POST',
        agent: secure ? this.httpsAgent : this.httpAgent,
        headers: { ...wanted.headers, 'content-length': String(Buffer.byteLength(wanted.body)) },
      })
      const connectTimer = setTimeout(() => {
        if (!connected) request.destroy(new Error('connect timeout'))
      }, wanted.connectMs)
      const readTimer = setTimeout(() => request.destroy(new Error('read timeout')), wanted.readMs)
      const settle = (result: PostResult | { kind: 'stale' }) => {
        clearTimeout(connectTimer)
        clearTimeout(readTimer)
        resolve(result)
      }
      request.on('socket', (socket) => {
        connected = !socket.connecting
        if (socket.connecting) socket.once('connect', () => (connected = true))
      })
      request.on('response', (response) => {
        readAnswer(response).then(settle, (error: Error) =>
          settle({ kind: 'no_answer', error: error.message }),
        )
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        const reason = error.code ?? error.message
        if (request.reusedSocket && error.code === 'ECONNRESET') settle({ kind: 'stale' })
        else settle({ kind: connected ? 'no_answer' : 'connect_failed', error: reason })
      })
      request.end(wanted.body)
    })
  }
}

async function readAnswer(response: http.IncomingMessage): Promise<PostResult> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= answerBytesLimit) chunks.push(chunk)
  }
  return {
    kind: 'answer',
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'] ?? null,
    body: Buffer.concat(chunks).toString('utf8'),
  }
}
