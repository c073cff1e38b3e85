import type { Measured } from './figures.js'
import { attach, connections, type Inbound } from './inbound.js'
import type { Stage } from './stage.js'
import { percentile } from './statistics.js'

/** One-row inserts committed per second: what the database can do at most, one callback at a time. */
export async function measureRaw({ load, databaseUrl }: Stage, seconds: number): Promise<Measured[]> {
  const order = { databaseUrl, connections: 32, seconds: seconds / 2 }
  const { committed, seconds: took, each } = await load.run('inserts', order)
  const detail = { p50: percentile(each, 0.5), p99: percentile(each, 0.99) }
  return [{ name: 'raw', value: committed / took, detail }]
}

// More messages than this in one round take too long where attaching is slow, and tell nothing more where it is fast
const attachPerSecond = 600

/** Messages attached per second, of known senders and of as many new ones. */
export async function measureAttached(stage: Stage, inbound: Inbound, seconds: number): Promise<Measured[]> {
  const count = Math.ceil(attachPerSecond * seconds)
  const known = await attach(stage, inbound, { senders: inbound.known, count })
  const fresh = await attach(stage, inbound, { senders: inbound.fresh(count), count })
  stage.say(`  known senders ${Math.round(known.attached)} /s, new senders ${Math.round(fresh.attached)} /s`)
  return [
    { name: 'attached_known', value: known.attached, detail: { acknowledged: known.acknowledged } },
    { name: 'attached_new', value: fresh.attached, detail: { acknowledged: fresh.acknowledged } },
  ]
}

const warmUpSeconds = 2

/** Milliseconds from a callback to the event that an agent's stream gets, at a steady rate. */
export async function measureLatency(
  { load, service, say, settle }: Stage,
  { organization, target, known }: Inbound,
  { seconds, perSecond }: { seconds: number; perSecond: number },
): Promise<Measured[]> {
  const order = { port: service.port, connections, target, senders: known, perSecond }
  const measure = async (duration: number) => {
    const count = Math.ceil(perSecond * duration)
    const measured = await load.run('latency', { ...order, count, apiKey: organization.adminKey })
    await settle()
    return measured
  }
  await measure(warmUpSeconds)
  const { toEvent, toAnswer } = await measure(seconds)
  const [p50, p99] = [percentile(toEvent, 0.5), percentile(toEvent, 0.99)]
  say(`  at ${Math.round(perSecond)} /s: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`)
  const detail = {
    perSecond,
    answeredP50: percentile(toAnswer, 0.5),
    answeredP99: percentile(toAnswer, 0.99),
  }
  return [
    { name: 'latency_p50', value: p50, detail },
    { name: 'latency_p99', value: p99, detail },
  ]
}
