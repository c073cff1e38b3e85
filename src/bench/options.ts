import { parseArgs } from 'node:util'
import { type SizeName, sizes } from './load-size.js'

/** What can be asked for by itself. Each brings what its ratio is measured against. */
export const measurements = [
  'idle',
  'streams',
  'acknowledged',
  'raw',
  'attached',
  'latency',
  'sends',
  'lists',
  'assignment',
] as const
export type Measurement = (typeof measurements)[number]

export interface BenchOptions {
  /** Null: all of them */
  only: Measurement | null
  /** How long each figure is measured for, roughly */
  seconds: number
  /** Whether a missed bar makes the program fail */
  bars: boolean
  /** Writes a CPU profile of the service to this folder */
  profile: string | null
  /** Measures again on a database with this data set. Null: on the empty one only */
  size: SizeName | null
  /** Where the loaded database is kept for the next run; null: it goes at the end */
  keep: string | null
}

export const usage = `npm run bench -- [options]

  --only NAME      one of ${measurements.join(', ')}
  --seconds N      how long each figure is measured for (8)
  --no-bars        end with 0 although a bar is missed
  --profile DIR    write a CPU profile of the service to DIR
  --size NAME      measure again on a loaded database: full (5 million messages in 500,000 conversations of 1,000
                   organizations) or small (a 250th of it)
  --keep DIR       keep the loaded database in DIR, and take it from there next time
  --help           this text

With REDIS_URL set, BullMQ runs on that Redis; its data there is left behind.
`

/** Throws an Error that tells a person what is wrong with the arguments. */
export function readOptions(args: string[]): BenchOptions {
  const values = parsed(args)
  const seconds = Number(values.seconds)
  if (!(seconds >= 1 && seconds <= 600)) throw new Error(`--seconds must be from 1 to 600.\n\n${usage}`)
  const only = readOnly(values.only)
  const size = readSize(values.size)
  if (only === 'lists' && size === null) throw new Error(`--only lists needs --size.\n\n${usage}`)
  const { profile = null, keep = null } = values
  return { only, seconds, bars: !values['no-bars'], profile, size, keep }
}

function parsed(args: string[]) {
  const options = {
    only: { type: 'string' },
    seconds: { type: 'string', default: '8' },
    'no-bars': { type: 'boolean', default: false },
    profile: { type: 'string' },
    size: { type: 'string' },
    keep: { type: 'string' },
  } as const
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${usage}`)
  }
}

function readOnly(name: string | undefined): Measurement | null {
  if (name === undefined) return null
  const found = measurements.find((each) => each === name)
  if (!found) throw new Error(`--only knows ${measurements.join(', ')}.\n\n${usage}`)
  return found
}

function readSize(name: string | undefined): SizeName | null {
  if (name === undefined || name === 'full' || name === 'small') return name ?? null
  throw new Error(`--size knows ${Object.keys(sizes).join(' and ')}.\n\n${usage}`)
}

const needs: Record<Measurement, readonly Measurement[]> = {
  idle: ['idle'],
  streams: ['streams'],
  acknowledged: ['acknowledged'],
  raw: ['raw'],
  attached: ['raw', 'attached'],
  latency: ['raw', 'attached', 'latency'],
  sends: ['raw', 'sends'],
  lists: ['lists'],
  assignment: ['assignment'],
}

/** What is measured, in the order of `measurements`. */
export function planOf({ only }: Pick<BenchOptions, 'only'>): readonly Measurement[] {
  return only === null ? measurements : needs[only]
}
