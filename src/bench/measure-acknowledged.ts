import type { CallbackTarget, Senders } from './callbacks.js'
import type { FigureName, Measured } from './figures.js'
import { connections, type Inbound } from './inbound.js'
import { startLimitServer } from './processes.js'
import { inTurn, roundsToCompare } from './rounds.js'
import type { Stage } from './stage.js'

/** After it a process of Node.js is as fast as it gets */
const warmUpSeconds = 3
const warmUpCount = 100_000
/** Of the seconds of a figure */
const floodShare = 1 / 3
const shortest = 1.5
const known: Senders = { kind: 'known', count: 1000 }

/** A service and an organization that customers write to. */
interface Place {
  stage: Stage
  inbound: Inbound
}

/** What callbacks are posted to. */
interface Door {
  /** Posts callbacks for some seconds: answers how many were acknowledged per second */
  flood(order: { count: number; seconds: number }): Promise<number>
  /** Waits until what came of them is done */
  settle(): Promise<void>
}

/**
 * Callbacks acknowledged per second, while the worker attaches and while its process is paused, each flood right after one
 * of a bare Fastify route. The places take turns, so that a change of the machine's mood meets all of them.
 * @returns the figures of each place
 */
export async function measureAcknowledged(places: readonly Place[], seconds: number): Promise<Measured[][]> {
  const [first] = places
  if (!first) return []
  const { say } = first.stage
  const each = Math.max(shortest, seconds * floodShare)
  const trivial = await startLimitServer('trivial')
  const bare = await startLimitServer('bare', first.inbound.target.authToken)
  const apis = await Promise.all(places.map(({ stage }) => stage.startApi()))
  try {
    const generator = await doorOf(first, trivial.port).flood({ count: 30_000, seconds: each })
    say(`  load generator: ${Math.round(generator)} /s`)
    const beside = { bare: doorOf(first, bare.port), say, seconds: each }
    const open = places.map((place) => doorOf(place, place.stage.service.port, place.stage.settle))
    for (const { stage } of places) await stage.rest()
    const attaching = await measurePairs('acknowledged', open, beside)
    for (const { stage } of places) await stage.rest()
    for (const { stage } of places) stage.service.pause()
    say('  beside a paused worker')
    const apart = places.map((place, index) => doorOf(place, apis[index]?.port ?? 0))
    const paused = await measurePairs('acknowledged_paused', apart, beside)
    const limits: Measured[] = [
      { name: 'generator', value: generator },
      {
        name: 'bare',
        value: attaching[0]?.[0]?.limit?.value ?? Number.NaN,
        limit: { name: 'generator', value: generator },
      },
    ]
    return places.map((_, index) => [...limits, ...(attaching[index] ?? []), ...(paused[index] ?? [])])
  } finally {
    for (const { stage } of places) stage.service.resume()
    await Promise.all([...apis, trivial, bare].map((server) => server.stop()))
    for (const { stage } of places) await stage.settle()
  }
}

const doorOf = ({ stage, inbound }: Place, port: number, settle = async () => {}): Door => ({
  flood: async (order) => {
    const target = targetAt(port, inbound.target)
    const { answered, seconds } = await stage.load.run('callbacks', {
      ...{ port, connections, target, senders: known },
      ...order,
    })
    return answered / seconds
  },
  settle,
})

async function measurePairs(
  name: FigureName,
  doors: readonly Door[],
  { bare, say, seconds }: { bare: Door; say: (line: string) => void; seconds: number },
): Promise<Measured[][]> {
  const guesses = new Map<Door, number>()
  for (const door of [bare, ...doors]) {
    guesses.set(door, await door.flood({ count: warmUpCount, seconds: warmUpSeconds }))
    await door.settle()
  }
  const measure = (door: Door) =>
    door.flood({ count: enough(guesses.get(door) ?? warmUpCount, seconds), seconds })
  const pair = async (door: Door): Promise<Measured[]> => {
    const [limit, value] = [await measure(bare), await measure(door)]
    say(`  pair: bare ${Math.round(limit)} /s, service ${Math.round(value)} /s`)
    await door.settle()
    return [{ name, value, limit: { name: 'bare', value: limit }, ratio: value / limit }]
  }
  return inTurn(doors, pair, roundsToCompare)
}

/** More callbacks than can be acknowledged in that time; a fast start is no reason to run out. */
const enough = (guess: number, seconds: number): number => Math.ceil(guess * seconds * 1.5)

/** The same account and number, behind a callback URL of another server. */
function targetAt(port: number, target: CallbackTarget): CallbackTarget {
  const url = new URL(target.callbackUrl)
  url.port = String(port)
  return { ...target, callbackUrl: url.href }
}
