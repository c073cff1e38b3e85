import { setTimeout as wait } from 'node:timers/promises'
import type { PreparedCallback } from './callbacks.js'
import { listen } from './event-listener.js'
import { type Connection, Connections } from './sockets.js'

export interface PaceOrder {
  port: number
  connections: number
  callbacks: readonly PreparedCallback[]
  perSecond: number
  /** The key whose event stream is listened to */
  apiKey: string
}

export interface PaceResult {
  /** Milliseconds from the moment at which a callback was due to be sent, one for each callback */
  toEvent: number[]
  toAnswer: number[]
}

const patience = 30_000
// The stream subscribes a moment after it has begun
const leadIn = 250

/**
 * Sends callbacks at an even rate, whether or not earlier ones were answered, and times each from when it was due: a
 * stall counts for all whom it keeps waiting. Throws where an event is still missing 30 seconds after the last.
 */
export async function pace(order: PaceOrder): Promise<PaceResult> {
  const connections = await Connections.open(order.port, order.connections)
  const due = new Map<string, number>()
  const toEvent: number[] = []
  const stream = await listen(order.port, order.apiKey, (messageSid) => {
    const at = due.get(messageSid)
    if (at !== undefined) toEvent.push(performance.now() - at)
    due.delete(messageSid)
  })
  try {
    const toAnswer = await sendEvenly(order, connections.each, (sid, at) => due.set(sid, at))
    const deadline = performance.now() + patience
    while (due.size > 0 && performance.now() < deadline) await wait(20)
    if (due.size > 0) throw new Error(`${due.size} of ${order.callbacks.length} events never came.`)
    return { toEvent, toAnswer }
  } finally {
    stream.close()
    connections.close()
  }
}

/** Answers how long each was waited for, in milliseconds from when it was due. */
export function sendEvenly(
  { callbacks, perSecond }: Pick<PaceOrder, 'callbacks' | 'perSecond'>,
  connections: readonly Connection[],
  onDue: (messageSid: string, at: number) => void,
): Promise<number[]> {
  const free = [...connections]
  const toAnswer: number[] = []
  const started = performance.now() + leadIn
  let next = 0
  return new Promise((resolve, reject) => {
    const tick = setInterval(() => sendDue(performance.now()), 1)
    const fail = (error: Error) => {
      clearInterval(tick)
      reject(error)
    }
    const sendDue = (now: number) => {
      for (let at = dueAt(next); at <= now && free.length > 0; at = dueAt(next)) {
        const callback = callbacks[next]
        const connection = free.pop()
        if (!callback || !connection) return
        next++
        onDue(callback.messageSid, at)
        connection.send(callback.request, ({ status }) => taken(connection, status, at), fail)
      }
    }
    const taken = (connection: Connection, status: number, at: number) => {
      if (status !== 200) return fail(new Error(`A callback was answered ${status}.`))
      toAnswer.push(performance.now() - at)
      free.push(connection)
      if (toAnswer.length < callbacks.length) return
      clearInterval(tick)
      resolve(toAnswer)
    }
    const dueAt = (index: number) => started + (index * 1000) / perSecond
  })
}
