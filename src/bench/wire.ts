/** HTTP/1.1 as far as a keep-alive load needs it: whole requests in one write, answers with a Content-Length. */

export interface RawRequest {
  method: 'GET' | 'POST'
  /** Path and query */
  path: string
  host: string
  headers: Readonly<Record<string, string>>
  body: string
}

export function serialize({ method, path, host, headers, body }: RawRequest): Buffer {
  const lines = Object.entries({ host, ...headers, 'content-length': Buffer.byteLength(body) })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`)
}

const headEnd = Buffer.from('\r\n\r\n')

/** Where the body of the first message in the buffer begins and ends; null while its head or its body is not all there. */
export function firstMessage(buffer: Buffer): { bodyStart: number; end: number } | null {
  const headLength = buffer.indexOf(headEnd)
  if (headLength < 0) return null
  const head = buffer.toString('latin1', 0, headLength)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined && /\r\ntransfer-encoding:/i.test(head)) {
    throw new Error('The answer has no Content-Length; the load generator does not read chunked answers.')
  }
  const bodyStart = headLength + headEnd.length
  const end = bodyStart + Number(length ?? 0)
  return buffer.length >= end ? { bodyStart, end } : null
}

/** The status of an answer, whose head is `HTTP/1.1 200 …`. */
export const statusOf = (answer: Buffer): number => Number(answer.toString('latin1', 9, 12))
