import { parseArgs } from 'node:util'

/** What can be asked for by itself. Each brings what its ratio is measured against. */
export const measurements = ['acknowledged', 'raw', 'attached', 'latency', 'sends'] as const
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
}

const usage = `npm run bench -- [options]

  --only NAME      one of ${measurements.join(', ')}
  --seconds N      how long each figure is measured for (8)
  --no-bars        end with 0 although a bar is missed
  --profile DIR    write a CPU profile of the service to DIR

With REDIS_URL set, BullMQ runs on that Redis; its data there is left behind.
`

/** Throws an Error that tells a person what is wrong with the arguments. */
export function readOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '8' },
      'no-bars': { type: 'boolean', default: false },
      profile: { type: 'string' },
    },
  })
  const seconds = Number(values.seconds)
  if (!(seconds >= 1 && seconds <= 600)) throw new Error(`--seconds must be from 1 to 600.\n\n${usage}`)
  return { only: readOnly(values.only), seconds, bars: !values['no-bars'], profile: values.profile ?? null }
}

function readOnly(name: string | undefined): Measurement | null {
  if (name === undefined) return null
  const found = measurements.find((each) => each === name)
  if (!found) throw new Error(`--only knows ${measurements.join(', ')}.\n\n${usage}`)
  return found
}

const needs: Record<Measurement, readonly Measurement[]> = {
  acknowledged: ['acknowledged'],
  raw: ['raw'],
  attached: ['raw', 'attached'],
  latency: ['raw', 'attached', 'latency'],
  sends: ['raw', 'sends'],
}

/** What is measured, in the order of `measurements`. */
export function planOf({ only }: Pick<BenchOptions, 'only'>): readonly Measurement[] {
  return only === null ? measurements : needs[only]
}
