import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { EventFeed } from './events/feed.js'
import type { JobQueues } from './jobs/job-queues.js'

interface Parts {
  jobs: JobQueues
  feed: EventFeed
  inbox: { read(): Promise<{ pending: number; oldestSeconds: number }> }
  receiving: { setAside: ReadonlyMap<string, number> }
  emptyQueues: { count(): Promise<number> }
  lanes: Readonly<Record<string, { leftOut: number }>>
}

/** What an operator watches, read at the moment of the scrape. */
export function createMetrics(parts: Parts): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'parley_' })
  const waiting = new Gauge({
    name: 'parley_jobs_waiting',
    help: 'Jobs that wait, by queue',
    labelNames: ['queue'],
    registers: [registry],
    async collect() {
      waiting.reset()
      for (const [queue, depth] of Object.entries(await parts.jobs.depths())) waiting.set({ queue }, depth)
    },
  })
  const oldest = new Gauge({
    name: 'parley_inbox_oldest_seconds',
    help: 'Age of the oldest callback that is not yet attached',
    registers: [registry],
  })
  const pending = new Gauge({
    name: 'parley_inbox_pending',
    help: 'Callbacks that are stored and not yet attached',
    registers: [registry],
    async collect() {
      const stats = await parts.inbox.read()
      pending.set(stats.pending)
      oldest.set(stats.oldestSeconds)
    },
  })
  const setAside = new Counter({
    name: 'parley_callbacks_set_aside_total',
    help: 'Callbacks that this process could not use and kept for the admin, by reason',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      setAside.reset()
      for (const [reason, count] of parts.receiving.setAside) setAside.inc({ reason }, count)
    },
  })
  const leftOut = new Gauge({
    name: 'parley_rows_left_out',
    help: 'Rows that this process leaves out for a while because they cannot be worked, by lane: the log says why',
    labelNames: ['lane'],
    registers: [registry],
    collect() {
      for (const [lane, part] of Object.entries(parts.lanes)) leftOut.set({ lane }, part.leftOut)
    },
  })
  const empty = new Gauge({
    name: 'parley_queues_without_members',
    help: 'Queues in which conversations wait and which have no member at all, over all organizations',
    registers: [registry],
    async collect() {
      empty.set(await parts.emptyQueues.count())
    },
  })
  const streams = new Gauge({
    name: 'parley_event_streams',
    help: 'Event streams that are open in this process',
    registers: [registry],
    collect() {
      streams.set(parts.feed.streams)
    },
  })
  return registry
}
