import { median } from './statistics.js'

export type FigureName =
  | 'generator'
  | 'bare'
  | 'acknowledged'
  | 'acknowledged_paused'
  | 'raw'
  | 'attached_known'
  | 'attached_new'
  | 'latency_p50'
  | 'latency_p99'
  | 'sends'
  | 'list_p99'
  | 'assignment'
  | 'assignment_half'
  | 'offers'
  | 'idle_memory'
  | 'stream_p99'
  | 'stream_memory'

/** What a figure must reach: the value itself, or its ratio to its limit. */
export type Bar = { of: 'value' | 'ratio' } & ({ atLeast: number } | { atMost: number })

export interface Measured {
  name: FigureName
  value: number
  /** What bounds the figure on this machine, measured in the same run */
  limit?: { name: string; value: number }
  /** The ratio where it is not value / limit: the median of pairs */
  ratio?: number
  /** What else was seen, for whoever looks into it */
  detail?: Readonly<Record<string, number | readonly number[]>>
}

export interface Figure extends Omit<Measured, 'name'> {
  name: string
  title: string
  unit: '/s' | 'ms' | 'MiB' | 'KiB'
  bar: Bar | null
  isMet: boolean | null
}

const facts: Record<FigureName, { title: string; unit: Figure['unit']; bar: Bar | null }> = {
  generator: { title: 'Load generator against a trivial server', unit: '/s', bar: null },
  bare: { title: 'Bare Fastify route, same body and signature check', unit: '/s', bar: null },
  acknowledged: {
    title: 'Callbacks acknowledged while the worker attaches',
    unit: '/s',
    bar: { of: 'ratio', atLeast: 0.35 },
  },
  acknowledged_paused: {
    title: 'Callbacks acknowledged while the worker’s process is paused',
    unit: '/s',
    bar: { of: 'ratio', atLeast: 0.5 },
  },
  raw: { title: 'One-row inserts committed from 32 connections', unit: '/s', bar: null },
  attached_known: {
    title: 'Messages attached, 1,000 known senders',
    unit: '/s',
    bar: { of: 'ratio', atLeast: 0.12 },
  },
  attached_new: {
    title: 'Messages attached, every sender new',
    unit: '/s',
    bar: { of: 'ratio', atLeast: 0.12 },
  },
  latency_p50: {
    title: 'Callback to event at half load, p50',
    unit: 'ms',
    bar: { of: 'value', atMost: 20 },
  },
  latency_p99: {
    title: 'Callback to event at half load, p99',
    unit: 'ms',
    bar: { of: 'value', atMost: 60 },
  },
  sends: {
    title: 'Replies sent, provider takes 50 ms',
    unit: '/s',
    bar: { of: 'value', atLeast: 500 },
  },
  list_p99: {
    title: 'List of 50 conversations, slowest view, p99',
    unit: 'ms',
    bar: { of: 'value', atMost: 10 },
  },
  assignment: {
    title: 'Offering one of 20,000 waiting conversations',
    unit: 'ms',
    bar: { of: 'value', atMost: 10 },
  },
  assignment_half: {
    title: 'Offering one of 10,000 waiting conversations',
    unit: 'ms',
    bar: { of: 'ratio', atLeast: 0.8 },
  },
  offers: { title: 'Offers made', unit: '/s', bar: { of: 'value', atLeast: 200 } },
  idle_memory: {
    title: 'Idle service after 60 s, resident memory',
    unit: 'MiB',
    bar: { of: 'value', atMost: 230 },
  },
  stream_p99: {
    title: 'Change to event on 500 open streams, p99',
    unit: 'ms',
    bar: { of: 'value', atMost: 100 },
  },
  stream_memory: {
    title: 'Resident memory of one more open stream',
    unit: 'KiB',
    bar: { of: 'value', atMost: 60 },
  },
}

/** Puts a measured value beside its title, its ratio to the limit and its bar. */
export function judge(measured: Measured): Figure {
  const { title, unit, bar } = facts[measured.name]
  const ratio = measured.ratio ?? (measured.limit && measured.value / measured.limit.value)
  const judged = bar?.of === 'ratio' ? ratio : measured.value
  return {
    ...measured,
    ...(ratio !== undefined && { ratio }),
    title,
    unit,
    bar,
    isMet: bar && judged !== undefined ? reaches(judged, bar) : null,
  }
}

function reaches(value: number, bar: Bar): boolean {
  return 'atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost
}

// How much of a figure the size of the database may take
const tolerance = 0.1

/** The median of what the rounds say: those of one round were measured within seconds. */
function ratioOfRounds(figure: Figure, before: Figure): number {
  const [mine, others] = [figure, before].map(({ value, detail }) => [detail?.['runs'] ?? value].flat())
  return median((mine ?? []).map((value, round) => value / (others?.[round] ?? Number.NaN)))
}

/** Figures of the loaded database as they are reported: against those of the empty one, and the lists against their bar. */
export function onTheDataSet(loaded: readonly Figure[], empty: readonly Figure[]): Figure[] {
  return loaded.flatMap((figure) => {
    const before = empty.find(({ name }) => name === figure.name)
    const name = `${figure.name}_on_data_set`
    const title = `${figure.title}, on the data set`
    if (figure.name === 'list_p99') return { ...figure, name, title }
    if (!before?.bar) return []
    const most = { of: 'ratio', atMost: 1 + tolerance } as const
    const bar: Bar = 'atMost' in before.bar ? most : { of: 'ratio', atLeast: 1 - tolerance }
    const ratio = ratioOfRounds(figure, before)
    const limit = { name: 'empty', value: before.value }
    return { ...figure, name, title, limit, ratio, bar, isMet: reaches(ratio, bar) }
  })
}
