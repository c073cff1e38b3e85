import type { CallbackTarget, Senders } from './callbacks.js'
import type { FigureName, Measured } from './figures.js'
import type { FloodResult } from './flood.js'
import { connections, type Inbound } from './inbound.js'
import { startLimitServer } from './processes.js'
import type { Stage } from './stage.js'
import { median } from './statistics.js'

const pairs = 3
/** After it a process of Node.js is as fast as it gets */
const warmUpSeconds = 3
const shortest = 1.5

/** Posts callbacks to a port for some seconds: answers how many were acknowledged per second. */
type Flood = (port: number, order: { count: number; seconds: number }) => Promise<number>

/**
 * Callbacks acknowledged per second, while the worker attaches and while its process is paused, each beside a bare
 * Fastify route.
 */
export async function measureAcknowledged(
  stage: Stage,
  inbound: Inbound,
  seconds: number,
): Promise<Measured[]> {
  const { load, service, say } = stage
  const each = Math.max(shortest, seconds / pairs)
  const known: Senders = { kind: 'known', count: 1000 }
  const flood: Flood = async (port, order) => {
    const target = targetAt(port, inbound.target)
    return rate(await load.run('callbacks', { port, connections, target, senders: known, ...order }))
  }
  const trivial = await startLimitServer('trivial')
  const bare = await startLimitServer('bare', inbound.target.authToken)
  const api = await stage.startApi()
  try {
    const generator = await flood(trivial.port, { count: 30_000, seconds: each })
    say(`  load generator: ${Math.round(generator)} /s`)
    const beside = { bare: bare.port, flood, each }
    await stage.rest()
    const attaching = await measurePairs(stage, service.port, beside)
    await stage.rest()
    service.pause()
    const paused = await measurePairs({ ...stage, settle: async () => undefined }, api.port, beside)
    return [
      { name: 'generator', value: generator },
      {
        name: 'bare',
        value: median(attaching.bare),
        limit: { name: 'generator', value: generator },
        detail: { runs: attaching.bare },
      },
      besideBare('acknowledged', attaching),
      besideBare('acknowledged_paused', paused),
    ]
  } finally {
    service.resume()
    await api.stop()
    await trivial.stop()
    await bare.stop()
    await stage.settle()
  }
}

interface Pairs {
  bare: number[]
  service: number[]
}

/**
 * Alternating, so that a change of the machine's mood meets both. Between two, what is left is settled.
 */
async function measurePairs(
  { say, settle }: Pick<Stage, 'say' | 'settle'>,
  port: number,
  beside: { bare: number; flood: Flood; each: number },
): Promise<Pairs> {
  const { flood, each: seconds } = beside
  const bareGuess = await flood(beside.bare, { count: 100_000, seconds: warmUpSeconds })
  const serviceGuess = await flood(port, { count: 50_000, seconds: warmUpSeconds })
  await settle()
  const measured: Pairs = { bare: [], service: [] }
  for (let pair = 1; pair <= pairs; pair++) {
    const bare = await flood(beside.bare, { count: enough(bareGuess, seconds), seconds })
    const service = await flood(port, { count: enough(serviceGuess, seconds), seconds })
    measured.bare.push(bare)
    measured.service.push(service)
    say(`  pair ${pair}: bare ${Math.round(bare)} /s, service ${Math.round(service)} /s`)
    await settle()
  }
  return measured
}

const besideBare = (name: FigureName, { bare, service }: Pairs): Measured => ({
  name,
  value: median(service),
  limit: { name: 'bare', value: median(bare) },
  ratio: median(service.map((value, index) => value / (bare[index] ?? Number.NaN))),
  detail: { runs: service },
})

const rate = ({ answered, seconds }: FloodResult): number => answered / seconds

/** More callbacks than can be acknowledged in that time; a fast start is no reason to run out. */
const enough = (guess: number, seconds: number): number => Math.ceil(guess * seconds * 1.5)

/** The same account and number, behind a callback URL of another server. */
function targetAt(port: number, target: CallbackTarget): CallbackTarget {
  const url = new URL(target.callbackUrl)
  url.port = String(port)
  return { ...target, callbackUrl: url.href }
}
