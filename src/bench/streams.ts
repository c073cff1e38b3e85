import { setTimeout as wait } from 'node:timers/promises'
import { type CallbackTarget, prepareCallback, senderAt } from './callbacks.js'
import { type EventListener, listenTo } from './event-listener.js'
import { sendEvenly } from './pace.js'
import { Connections } from './sockets.js'

export interface StreamsOrder {
  port: number
  connections: number
  /** A stream is opened with each of these keys */
  keys: readonly string[]
  /** And then with each of these, for a while, to see what they cost */
  more: readonly string[]
  /** Customers, each of whom never wrote before, write to these numbers in turn */
  targets: readonly CallbackTarget[]
  perSecond: number
  seconds: number
}

export interface StreamsResult {
  /** For each event on each stream: milliseconds from the time that it bears, which is before its commit */
  toStream: number[]
  /** Resident bytes of the service that one more open stream costs */
  bytesEach: number
}

const openAtOnce = 20
const settleMs = 3000

/** Opens more streams than it measures on, to see what one costs in a process that has grown to its size already. */
export async function streams(order: StreamsOrder): Promise<StreamsResult> {
  const toStream: number[] = []
  const open = (keys: readonly string[]) =>
    openAll(order.port, keys, (event) => {
      const at = /"at": ?"([^"]+)"/.exec(event)?.[1]
      if (at !== undefined) toStream.push(Date.now() - Date.parse(at))
    })
  const measured = await open(order.keys)
  await wait(settleMs)
  const before = await residentBytes(order.port)
  const more = await open(order.more)
  await wait(settleMs)
  const bytesEach = ((await residentBytes(order.port)) - before) / order.more.length
  for (const stream of more) stream.close()
  await wait(settleMs)
  toStream.length = 0
  const connections = await Connections.open(order.port, order.connections)
  const count = Math.ceil(order.perSecond * order.seconds)
  const callbacks = Array.from({ length: count }, (_, index) => {
    const target = order.targets[index % order.targets.length] as CallbackTarget
    return prepareCallback(target, senderAt({ kind: 'new', first: 5_000_000 }, index))
  })
  await sendEvenly({ callbacks, perSecond: order.perSecond }, connections.each, () => undefined)
  await wait(settleMs)
  for (const stream of measured) stream.close()
  connections.close()
  return { toStream, bytesEach }
}

async function openAll(port: number, keys: readonly string[], onEvent: (event: string) => void) {
  const opened: EventListener[] = []
  for (let first = 0; first < keys.length; first += openAtOnce) {
    const some = keys.slice(first, first + openAtOnce)
    opened.push(...(await Promise.all(some.map((key) => listenTo(port, key, onEvent)))))
  }
  return opened
}

async function residentBytes(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  return Number(/^parley_process_resident_memory_bytes (\d+)/m.exec(await answer.text())?.[1])
}
