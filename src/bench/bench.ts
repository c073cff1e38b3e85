import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { type Figure, judge, type Measured, onTheDataSet } from './figures.js'
import { attach, connections, type Inbound, prepareInbound } from './inbound.js'
import { isLoaded, loadSize, type SizeName, sizes } from './load-size.js'
import { measureAcknowledged } from './measure-acknowledged.js'
import { measureAssignment } from './measure-assignment.js'
import { measureIdle } from './measure-idle.js'
import { measureLists } from './measure-lists.js'
import { measureSends } from './measure-sends.js'
import { measureStreams } from './measure-streams.js'
import { type BenchOptions, type Measurement, planOf } from './options.js'
import { missedBars, resultsOf, tableOf } from './report.js'
import { openStage, type Stage } from './stage.js'
import { percentile } from './statistics.js'

const resultsFile = 'bench-results.json'

/** Measures, prints a table, writes `bench-results.json`. Answers the exit code: 1 where a bar is missed. */
export async function runBench(options: BenchOptions): Promise<number> {
  const { surroundings, figures } = await measureOn(options, null)
  if (options.size) {
    const loaded = await measureOn(options, options.size)
    figures.push(...onTheDataSet(loaded.figures, figures))
  }
  await writeFile(resultsFile, resultsOf(surroundings, figures))
  process.stdout.write(`\n${tableOf(figures)}\n\nWritten to ${resultsFile}.\n`)
  const missed = missedBars(figures)
  if (missed.length > 0) process.stdout.write(`Missed: ${missed.join('; ')}.\n`)
  return missed.length > 0 && options.bars ? 1 : 0
}

/** Everything that is asked for, on an empty database or on the data set. */
async function measureOn(options: BenchOptions, size: SizeName | null) {
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  const stage = await openStage({ ...options, keep: size && options.keep }, say)
  const interrupted = () => void stage.close().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    if (size && !(await isLoaded(stage.database, sizes[size])))
      await loadSize({ database: stage.database, size: sizes[size], organizationId: null, say })
    if (size) {
      await stage.settle()
      await stage.rest()
    }
    return {
      surroundings: await surroundingsOf(stage, options),
      figures: await measureAll(stage, options, size),
    }
  } catch (error) {
    const complaints = await stage.service.complaints()
    if (complaints) say(`The service’s last warnings and errors:\n${complaints}`)
    throw error
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    await stage.close()
  }
}

async function measureAll(stage: Stage, options: BenchOptions, size: SizeName | null): Promise<Figure[]> {
  const { seconds } = options
  const plan = planOf(options)
  const wants = (name: Measurement) => plan.includes(name)
  const figures: Figure[] = []
  const keep = (...measured: Measured[]) => {
    figures.push(...measured.map(judge))
  }
  if (size === null) keep(...(await measureUnloaded(stage, plan, seconds)))
  const inbound = wants('acknowledged') || wants('attached') ? await prepareInbound(stage) : null
  if (wants('acknowledged') && inbound) {
    stage.say('Acknowledged callbacks beside a bare route …')
    keep(...(await measureAcknowledged(stage, inbound, seconds)))
  }
  if (wants('lists') && size) {
    await stage.rest()
    stage.say('Lists of 50 conversations …')
    keep(await measureLists(stage, seconds))
  }
  if (!wants('raw')) return figures
  await stage.rest()
  stage.say('One-row inserts …')
  const {
    committed,
    seconds: took,
    each,
  } = await stage.load.run('inserts', {
    databaseUrl: stage.databaseUrl,
    connections: 32,
    seconds: seconds / 2,
  })
  const raw = committed / took
  keep({ name: 'raw', value: raw, detail: { p50: percentile(each, 0.5), p99: percentile(each, 0.99) } })
  const limit = { name: 'raw', value: raw }
  if (wants('attached') && inbound) {
    await stage.rest()
    const known = await measureAttached(stage, inbound, seconds)
    keep(...known.map((measured) => ({ ...measured, limit })))
    const half = (known[0]?.value ?? 0) / 2
    if (wants('latency')) {
      await stage.rest()
      const commit = { name: 'raw commit', value: percentile(each, 0.5) }
      const latencies = await measureLatency(stage, inbound, { seconds, perSecond: half })
      keep(...latencies.map((measured) => ({ ...measured, limit: commit })))
    }
  }
  if (wants('sends')) {
    await stage.rest()
    stage.say('Replies sent to a provider that takes 50 ms …')
    keep({ ...(await measureSends(stage, seconds)), limit })
  }
  return figures
}

/** What is measured before any load, and needs no data set. */
async function measureUnloaded(
  stage: Stage,
  plan: readonly Measurement[],
  seconds: number,
): Promise<Measured[]> {
  return [
    ...(plan.includes('idle') ? [await measureIdle(stage)] : []),
    ...(plan.includes('streams') ? await measureStreams(stage, seconds) : []),
    ...(plan.includes('assignment') ? await measureAssignment(stage, seconds) : []),
  ]
}

// More messages than this in one figure take too long where attaching is slow, and tell nothing more where it is fast
const attachPerSecond = 600

async function measureAttached(stage: Stage, inbound: Inbound, seconds: number): Promise<Measured[]> {
  const count = Math.ceil(attachPerSecond * seconds)
  stage.say(`Attaching ${count} messages of 1,000 known senders, then of as many new ones …`)
  const known = await attach(stage, inbound, { senders: inbound.known, count })
  stage.say(`  known senders: ${Math.round(known.attached)} /s`)
  const fresh = await attach(stage, inbound, { senders: inbound.fresh(count), count })
  stage.say(`  new senders: ${Math.round(fresh.attached)} /s`)
  return [
    { name: 'attached_known', value: known.attached, detail: { acknowledged: known.acknowledged } },
    { name: 'attached_new', value: fresh.attached, detail: { acknowledged: fresh.acknowledged } },
  ]
}

const warmUpSeconds = 2

async function measureLatency(
  { load, service, say, settle }: Stage,
  { organization, target, known }: Inbound,
  { seconds, perSecond }: { seconds: number; perSecond: number },
): Promise<Measured[]> {
  say(`Callback to event at ${Math.round(perSecond)} /s …`)
  const order = { port: service.port, connections, target, senders: known, perSecond }
  const measure = async (duration: number) => {
    const count = Math.ceil(perSecond * duration)
    const measured = await load.run('latency', { ...order, count, apiKey: organization.adminKey })
    await settle()
    return measured
  }
  await measure(warmUpSeconds)
  const { toEvent, toAnswer } = await measure(seconds)
  const detail = {
    perSecond,
    answeredP50: percentile(toAnswer, 0.5),
    answeredP99: percentile(toAnswer, 0.99),
  }
  return [
    { name: 'latency_p50', value: percentile(toEvent, 0.5), detail },
    { name: 'latency_p99', value: percentile(toEvent, 0.99), detail },
  ]
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
