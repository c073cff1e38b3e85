import { type CallbackTarget, prepareCallbacks, type Senders } from './callbacks.js'
import { type FloodResult, flood } from './flood.js'
import { type OverloadOrder, type OverloadResult, overload } from './overload.js'
import { type PaceResult, pace } from './pace.js'
import { type InsertOrder, type InsertResult, insertRows } from './raw-inserts.js'
import { type StreamsOrder, type StreamsResult, streams } from './streams.js'
import { serialize } from './wire.js'

/** What the load process does at one go. Everything is prepared and signed before its clock starts. */
export interface Tasks {
  /** Callbacks as fast as they are answered; all of them, or for so many seconds */
  callbacks: {
    order: {
      port: number
      connections: number
      target: CallbackTarget
      senders: Senders
      count: number
      seconds: number | null
    }
    result: FloodResult
  }
  /** Callbacks at an even rate, and the events that come of them */
  latency: {
    order: {
      port: number
      connections: number
      target: CallbackTarget
      senders: Senders
      count: number
      perSecond: number
      apiKey: string
    }
    result: PaceResult
  }
  /** Calls of the API with JSON bodies, each of which must be answered 202 */
  calls: {
    order: { port: number; connections: number; apiKey: string; posts: { path: string; body: unknown }[] }
    result: FloodResult
  }
  /** Callbacks at an even rate that may be more than the service bears */
  overload: { order: OverloadOrder; result: OverloadResult }
  /** Many open streams of events while callbacks come */
  streams: { order: StreamsOrder; result: StreamsResult }
  inserts: { order: InsertOrder; result: InsertResult }
}

export type TaskName = keyof Tasks
export type TaskMessage = { [Name in TaskName]: { name: Name; order: Tasks[Name]['order'] } }[TaskName]
export type TaskAnswer = { result: unknown } | { fault: string }

/** The load process: does the tasks that its parent sends, one at a time, until the parent goes. */
export function serveLoad(): void {
  process.on('message', (message: TaskMessage) => {
    perform(message).then(
      (result) => process.send?.({ result } satisfies TaskAnswer),
      (error: Error) => process.send?.({ fault: error.message } satisfies TaskAnswer),
    )
  })
}

async function perform(message: TaskMessage): Promise<unknown> {
  switch (message.name) {
    case 'callbacks': {
      const { target, senders, count, ...how } = message.order
      const requests = prepareCallbacks(target, senders, count).map(({ request }) => request)
      return flood({ ...how, requests, expectedStatus: 200 })
    }
    case 'latency': {
      const { target, senders, count, ...how } = message.order
      return pace({ ...how, callbacks: prepareCallbacks(target, senders, count) })
    }
    case 'calls': {
      const { port, connections, apiKey, posts } = message.order
      const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
      const host = `127.0.0.1:${port}`
      const requests = posts.map(({ path, body }) =>
        serialize({ method: 'POST', path, host, headers, body: JSON.stringify(body) }),
      )
      return flood({ port, connections, requests, seconds: null, expectedStatus: 202 })
    }
    case 'overload':
      return overload(message.order)
    case 'streams':
      return streams(message.order)
    case 'inserts':
      return insertRows(message.order)
  }
}
