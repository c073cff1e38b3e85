import { connect } from 'node:net'
import type { TestService } from './service.js'

/** Sends bytes as they are, which no HTTP client would, and answers everything that comes back until the connection ends. */
export async function sendRaw({ url }: Pick<TestService, 'url'>, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.on('error', () => undefined)
  socket.write(bytes)
  await new Promise((resolve) => socket.once('close', resolve))
  return answer
}

export const statusIn = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
