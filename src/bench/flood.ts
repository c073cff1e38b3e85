import { type Connection, Connections } from './sockets.js'

export interface FloodOrder {
  port: number
  connections: number
  requests: readonly Buffer[]
  /** No request is begun after it. Null: all are sent */
  seconds: number | null
  /** What every answer must have */
  expectedStatus: number
}

export interface FloodResult {
  answered: number
  /** From the first request to the last answer */
  seconds: number
  /** Milliseconds since 1970 */
  startedAt: number
}

/**
 * Sends each request once, as fast as the answers come. Throws at the first answer with another status, and where a
 * connection breaks.
 */
export async function flood(order: FloodOrder): Promise<FloodResult> {
  const connections = await Connections.open(order.port, order.connections)
  try {
    return await send(order, connections.each)
  } finally {
    connections.close()
  }
}

function send(order: FloodOrder, connections: readonly Connection[]): Promise<FloodResult> {
  const { requests, expectedStatus } = order
  const started = performance.now()
  const deadline = order.seconds === null ? Number.POSITIVE_INFINITY : started + order.seconds * 1000
  let next = 0
  let answered = 0
  let busy = connections.length
  return new Promise((resolve, reject) => {
    const finish = () =>
      resolve({
        answered,
        seconds: (performance.now() - started) / 1000,
        startedAt: performance.timeOrigin + started,
      })
    const step = (connection: Connection) => {
      const request = performance.now() < deadline ? requests[next++] : undefined
      if (request) connection.send(request, (answer) => take(connection, answer), reject)
      else if (--busy === 0) finish()
    }
    const take = (connection: Connection, { status, body }: { status: number; body: string }) => {
      if (status !== expectedStatus) return reject(new Error(`Answered ${status}: ${body.slice(0, 500)}`))
      answered++
      step(connection)
    }
    for (const connection of connections) step(connection)
  })
}
