import type { CallbackTarget, Senders } from './callbacks.js'
import type { Measured } from './figures.js'
import type { FloodResult } from './flood.js'
import { connections, type Inbound, post } from './inbound.js'
import { startLimitServer } from './processes.js'
import type { Stage } from './stage.js'
import { median } from './statistics.js'

const pairs = 3
const warmUpSeconds = 1
const shortest = 1.5

/**
 * Callbacks acknowledged per second while the worker attaches, beside a bare Fastify route: alternating, so that a
 * change of the machine's mood meets both. Between two, the worker attaches what is left.
 */
export async function measureAcknowledged(
  stage: Stage,
  inbound: Inbound,
  seconds: number,
): Promise<Measured[]> {
  const { load, say } = stage
  const each = Math.max(shortest, seconds / pairs)
  const trivial = await startLimitServer('trivial')
  const bare = await startLimitServer('bare', inbound.target.authToken)
  const known: Senders = { kind: 'known', count: 1000 }
  const floodLimit = (port: number, count: number, duration: number) =>
    load.run('callbacks', {
      port,
      connections,
      target: targetAt(port, inbound.target),
      senders: known,
      count,
      seconds: duration,
    })
  try {
    const ceiling = rate(await floodLimit(trivial.port, 30_000, each))
    say(`  load generator: ${Math.round(ceiling)} /s`)
    const bareGuess = rate(await floodLimit(bare.port, 15_000, warmUpSeconds))
    const serviceGuess = rate(
      await post(stage, inbound, { senders: known, count: 10_000, seconds: warmUpSeconds }),
    )
    await stage.settle()
    const bareRates: number[] = []
    const serviceRates: number[] = []
    for (let pair = 1; pair <= pairs; pair++) {
      bareRates.push(rate(await floodLimit(bare.port, enough(bareGuess, each), each)))
      const count = enough(serviceGuess, each)
      serviceRates.push(rate(await post(stage, inbound, { senders: known, count, seconds: each })))
      say(
        `  pair ${pair}: bare ${Math.round(bareRates.at(-1) ?? 0)} /s, service ${Math.round(serviceRates.at(-1) ?? 0)} /s`,
      )
      await stage.settle()
    }
    const bareRate = median(bareRates)
    return [
      { name: 'generator', value: ceiling },
      {
        name: 'bare',
        value: bareRate,
        limit: { name: 'generator', value: ceiling },
        detail: { runs: bareRates },
      },
      {
        name: 'acknowledged',
        value: median(serviceRates),
        limit: { name: 'bare', value: bareRate },
        ratio: median(serviceRates.map((value, index) => value / (bareRates[index] ?? Number.NaN))),
        detail: { runs: serviceRates },
      },
    ]
  } finally {
    await trivial.stop()
    await bare.stop()
  }
}

const rate = ({ answered, seconds }: FloodResult): number => answered / seconds

/** More callbacks than can be acknowledged in that time; a fast start is no reason to run out. */
const enough = (guess: number, seconds: number): number => Math.ceil(guess * seconds * 1.5)

/** The same account and number, behind a callback URL of another server. */
function targetAt(port: number, target: CallbackTarget): CallbackTarget {
  const url = new URL(target.callbackUrl)
  url.port = String(port)
  return { ...target, callbackUrl: url.href }
}
