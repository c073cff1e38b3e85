import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { type Figure, type FigureName, judge, type Measured, onTheDataSet } from './figures.js'
import { prepareInbound } from './inbound.js'
import { isLoaded, loadSize, type SizeName, sizes } from './load-size.js'
import { measureAcknowledged } from './measure-acknowledged.js'
import { measureAssignment } from './measure-assignment.js'
import { measureIdle } from './measure-idle.js'
import { measureAttached, measureLatency, measureRaw } from './measure-inbound.js'
import { measureLists } from './measure-lists.js'
import { prepareSends } from './measure-sends.js'
import { measureStreams } from './measure-streams.js'
import { type BenchOptions, type Measurement, planOf } from './options.js'
import { missedBars, resultsOf, tableOf } from './report.js'
import { inTurn, roundsToCompare } from './rounds.js'
import { openStage, type Stage } from './stage.js'

const resultsFile = 'bench-results.json'

/** A database, empty at first or with the data set, and what was measured on it. */
interface Site {
  stage: Stage
  size: SizeName | null
  figures: Figure[]
}

/** Measures, prints a table, writes `bench-results.json`. Answers the exit code: 1 where a bar is missed. */
export async function runBench(options: BenchOptions): Promise<number> {
  const sites: Site[] = []
  const close = async () => {
    for (const { stage } of sites.splice(0).reverse()) await stage.close()
  }
  const interrupted = () => void close().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const empty = await openSite(sites, options, null)
    keep(empty, await measureUnloaded(empty.stage, options))
    if (options.size) await openSite(sites, options, options.size)
    await measureAll(sites, options)
    return await report(sites, options)
  } catch (error) {
    for (const { stage } of sites) {
      const complaints = await stage.service.complaints()
      if (complaints) stage.say(`The service’s last warnings and errors:\n${complaints}`)
    }
    throw error
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    await close()
  }
}

async function openSite(sites: Site[], options: BenchOptions, size: SizeName | null): Promise<Site> {
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  const number = sites.length
  const stage = await openStage({ ...options, keep: size && options.keep, number }, say)
  const site: Site = { stage, size, figures: [] }
  sites.push(site)
  if (size) {
    if (!(await isLoaded(stage.database, sizes[size])))
      await loadSize({ database: stage.database, size: sizes[size], organizationId: null, say })
    await stage.settle()
    await stage.rest()
  }
  return site
}

function keep({ figures }: Site, measured: readonly Measured[]): void {
  figures.push(...measured.map(judge))
}

/** What is measured before any load, and needs no data set. */
async function measureUnloaded(stage: Stage, options: BenchOptions): Promise<Measured[]> {
  const wants = (name: Measurement) => planOf(options).includes(name)
  return [
    ...(wants('idle') ? [await measureIdle(stage)] : []),
    ...(wants('streams') ? await measureStreams(stage, options.seconds) : []),
    ...(wants('assignment') ? await measureAssignment(stage, options.seconds) : []),
  ]
}

/** A site and what was prepared there for a measurement. */
interface Place<Prepared> {
  site: Site
  prepared: Prepared
}

async function prepare<Prepared>(
  sites: readonly Site[],
  on: (stage: Stage) => Promise<Prepared>,
): Promise<Place<Prepared>[]> {
  const places: Place<Prepared>[] = []
  for (const site of sites) places.push({ site, prepared: await on(site.stage) })
  return places
}

/** Each figure on one site right after the other: what the size of a database takes is seen beside an empty one. */
async function measureAll(sites: readonly Site[], options: BenchOptions): Promise<void> {
  const { seconds } = options
  const wants = (name: Measurement) => planOf(options).includes(name)
  const isInbound = wants('acknowledged') || wants('attached')
  const inbound = isInbound ? await prepare(sites, prepareInbound) : []
  if (wants('acknowledged')) {
    inbound[0]?.site.stage.say(
      `Acknowledged callbacks beside a bare route, ${inbound.map(({ site }) => nameOf(site)).join(' and ')} in turn …`,
    )
    const places = inbound.map(({ site: { stage }, prepared }) => ({ stage, inbound: prepared }))
    const measured = await measureAcknowledged(places, seconds)
    for (const [index, { site }] of inbound.entries()) keep(site, measured[index] ?? [])
  }
  if (wants('lists')) {
    for (const site of sites.filter(({ size }) => size !== null)) {
      await site.stage.rest()
      site.stage.say('Lists of 50 conversations …')
      keep(site, [await measureLists(site.stage, seconds)])
    }
  }
  if (wants('raw')) {
    const places = await prepare(sites, async () => null)
    await measureEach('One-row inserts', places, ({ stage }) => measureRaw(stage, seconds))
  }
  if (wants('attached')) {
    await measureEach(
      'Attaching messages of 1,000 known senders, then of new ones',
      inbound,
      ({ stage }, prepared) => measureAttached(stage, prepared, seconds),
    )
  }
  const [first] = sites
  if (wants('latency') && first) {
    // The same load on each site: what two loads take tells nothing of the databases
    const perSecond = found(first, 'attached_known').value / 2
    await measureEach(
      'Callback to event at half load',
      inbound,
      ({ stage }, prepared) => measureLatency(stage, prepared, { seconds, perSecond }),
      latencyRounds,
    )
  }
  if (wants('sends')) {
    const places = await prepare(sites, (stage) => prepareSends(stage, seconds))
    await measureEach('Replies sent to a provider that takes 50 ms', places, (_site, send) => send())
  }
}

/**
 * One write of the disk that takes a tenth of a second is the p99 of the round that it falls into. Of two places that are alike
 * the median of seven pairs is above 1.1 three times in ten, of fifteen twice
 */
const latencyRounds = 15

/** In turn, with the rate of one-row inserts as the limit of what is measured after them. */
async function measureEach<Prepared>(
  what: string,
  places: readonly Place<Prepared>[],
  measure: (site: Site, prepared: Prepared) => Promise<Measured[]>,
  rounds = roundsToCompare,
): Promise<void> {
  for (const { site } of places) await site.stage.rest()
  const round = async ({ site, prepared }: Place<Prepared>) => {
    site.stage.say(`${what}, ${nameOf(site)} …`)
    return measure(site, prepared)
  }
  const medians = await inTurn(places, round, rounds)
  for (const [index, { site }] of places.entries()) {
    const measured = medians[index] ?? []
    keep(
      site,
      measured.map((each) => ({ ...each, ...limitOf(site, each.name) })),
    )
  }
}

function limitOf(site: Site, name: FigureName): Pick<Measured, 'limit'> {
  if (name === 'raw') return {}
  const raw = found(site, 'raw')
  const isLatency = name === 'latency_p50' || name === 'latency_p99'
  const commit = { name: 'raw commit', value: Number(raw.detail?.['p50']) }
  return { limit: isLatency ? commit : { name: 'raw', value: raw.value } }
}

function found({ figures }: Site, name: FigureName): Figure {
  const figure = figures.find((each) => each.name === name)
  if (!figure) throw new Error(`${name} was not measured.`)
  return figure
}

const nameOf = ({ size }: Site) => (size === null ? 'empty database' : 'data set')

async function report(sites: readonly Site[], options: BenchOptions): Promise<number> {
  const [empty, loaded] = sites
  if (!empty) throw new Error('Nothing was measured.')
  const figures = [...empty.figures, ...(loaded ? onTheDataSet(loaded.figures, empty.figures) : [])]
  await writeFile(resultsFile, resultsOf(await surroundingsOf(empty.stage, options), figures))
  process.stdout.write(`\n${tableOf(figures)}\n\nWritten to ${resultsFile}.\n`)
  const missed = missedBars(figures)
  if (missed.length > 0) process.stdout.write(`Missed: ${missed.join('; ')}.\n`)
  return missed.length > 0 && options.bars ? 1 : 0
}

async function surroundingsOf({ database, onRedis }: Stage, { seconds }: BenchOptions) {
  const { rows } = await database.query<{ version: string }>(
    `SELECT current_setting('server_version') AS version`,
  )
  return {
    at: new Date().toISOString(),
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    postgres: rows[0]?.version ?? 'unknown',
    jobs: onRedis ? ('redis' as const) : ('postgresql' as const),
    seconds,
  }
}
