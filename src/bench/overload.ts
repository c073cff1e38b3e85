import {
  type CallbackTarget,
  type PreparedCallback,
  prepareCallback,
  type Senders,
  senderAt,
} from './callbacks.js'
import { type Connection, Connections } from './sockets.js'

export interface OverloadOrder {
  port: number
  /** So many callbacks may be under way; one that is due when all are in use is not sent */
  connections: number
  target: CallbackTarget
  senders: Senders
  perSecond: number
  seconds: number
}

export interface OverloadResult {
  /** Callbacks sent, repeated ones included */
  sent: number
  seconds: number
  /** Answers by status */
  answers: Record<number, number>
  /** The messages that were answered 200 */
  accepted: string[]
  /** Milliseconds to each 200, and to each other answer */
  toAccept: number[]
  toRefuse: number[]
}

const patienceMs = 30_000

/**
 * Sends callbacks at an even rate whatever is answered, as providers do; one that is refused comes again later. Throws where
 * a connection breaks, and where answers are missing 30 seconds after the last callback.
 */
export async function overload(order: OverloadOrder): Promise<OverloadResult> {
  const connections = await Connections.open(order.port, order.connections)
  try {
    return await press(order, connections.each)
  } finally {
    connections.close()
  }
}

function press(order: OverloadOrder, connections: readonly Connection[]): Promise<OverloadResult> {
  const { target, senders, perSecond } = order
  const free = [...connections]
  const refused: PreparedCallback[] = []
  const result: OverloadResult = {
    sent: 0,
    seconds: 0,
    answers: {},
    accepted: [],
    toAccept: [],
    toRefuse: [],
  }
  const started = performance.now()
  const deadline = started + order.seconds * 1000
  let due = 0
  let made = 0
  return new Promise((resolve, reject) => {
    const tick = setInterval(() => {
      const now = performance.now()
      if (now >= deadline && free.length === connections.length) finish()
      else if (now > deadline + patienceMs)
        fail(new Error(`${connections.length - free.length} answers are missing.`))
      else if (now < deadline) sendDue(now)
    }, 1)
    const finish = () => {
      clearInterval(tick)
      resolve(result)
    }
    const fail = (error: Error) => {
      clearInterval(tick)
      reject(error)
    }
    const sendDue = (now: number) => {
      const upTo = Math.floor(((now - started) / 1000) * perSecond)
      for (; due < upTo; due++) {
        const connection = free.pop()
        if (connection) send(connection)
      }
    }
    const send = (connection: Connection) => {
      // What was refused waits a while, as long as there is new to send
      const again = refused.length > perSecond ? refused.shift() : undefined
      const callback = again ?? prepareCallback(target, senderAt(senders, made++))
      const at = performance.now()
      result.sent++
      connection.send(
        callback.request,
        ({ status }) => {
          const now = performance.now()
          result.answers[status] = (result.answers[status] ?? 0) + 1
          result.seconds = (now - started) / 1000
          free.push(connection)
          if (status === 200) {
            result.accepted.push(callback.messageSid)
            result.toAccept.push(now - at)
          } else {
            refused.push(callback)
            result.toRefuse.push(now - at)
          }
        },
        fail,
      )
    }
  })
}
