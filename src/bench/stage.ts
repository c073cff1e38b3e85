import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { loadConfig, readEnvironment } from '../config.js'
import { startEmbeddedPostgres } from '../embedded/postgres-server.js'
import { type Simulator, startSimulator } from '../simulator/server.js'
import { type LoadProcess, startLoad, until } from './processes.js'
import { newSecrets, type ServiceProcess, startService } from './service-process.js'

/** What the figures are measured on. Every part but the simulator runs in a process of its own. */
export interface Stage {
  databaseUrl: string
  /** As the owner, who passes row-level security */
  database: pg.Client
  /** The whole service in one process (ROLE=all) */
  service: ServiceProcess
  /** One more process of it that serves calls and works nothing (ROLE=api) */
  startApi(): Promise<ServiceProcess>
  simulator: Simulator
  load: LoadProcess
  say: (line: string) => void
  /** Whether BullMQ runs on Redis */
  onRedis: boolean
  /** Waits until nothing is left to do: no callback to attach, conversation to route, event to publish or account to compare */
  settle(): Promise<void>
  /** Lets the database tidy up after a flood, so that no figure pays for the one before it */
  rest(): Promise<void>
  close(): Promise<void>
}

export interface StageOptions {
  /** Folder for a CPU profile of the service */
  profile: string | null
  /** The data directory, which stays; null: one of its own, which goes at the end */
  keep: string | null
  /** Of stages that stand at once each has its own */
  number: number
}

/** Starts everything on an embedded database. */
export async function openStage(
  { profile, keep, number }: StageOptions,
  say: (line: string) => void,
): Promise<Stage> {
  const { dataDir: parent, redis } = loadConfig(readEnvironment())
  // Beside the service's own data: a folder for temporary files may be in memory, where a commit costs nothing
  const dataDir = keep === null ? join(parent, `bench-${process.pid}-${number}`) : resolve(keep)
  const started: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const stop of started.splice(0).reverse()) await stop()
  }
  try {
    say('Starting PostgreSQL, the provider simulator, the service and the load generator …')
    if (keep === null) started.push(() => rm(dataDir, { recursive: true, force: true }))
    const postgres = await startEmbeddedPostgres({ dataDir })
    started.push(() => postgres.stop())
    const simulator = await startSimulator({ host: '127.0.0.1', port: 0 })
    started.push(() => simulator.stop())
    const redisUrl = redis && numbered(redis.url, number)
    const { twilioApiUrl } = simulator
    const secrets = newSecrets()
    const order = { secrets, dataDir, databaseUrl: postgres.url, redisUrl, twilioApiUrl, profile }
    const service = await startService({ ...order, role: 'all' })
    started.push(() => service.stop())
    const database = new pg.Client({ connectionString: postgres.url, application_name: 'parley-bench' })
    await database.connect()
    started.push(() => database.end())
    await fillLog(database)
    const load = startLoad()
    started.push(() => load.stop())
    const settle = () => until('nothing is left to do', 300, () => isSettled(database))
    const rest = async () => {
      await database.query('VACUUM ANALYZE')
      await database.query('CHECKPOINT')
    }
    return {
      databaseUrl: postgres.url,
      database,
      service,
      startApi: () => startService({ ...order, role: 'api' }),
      simulator,
      load,
      say,
      onRedis: redisUrl !== null,
      settle,
      rest,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const logSegments = 32
const bytesOfSegment = 16_000_000

/**
 * A new server fills every file of its log with zeros before the first use, and commits wait for that; one that has run for
 * a while takes its old files again. As many as it keeps (min_wal_size in embedded/postgres-server.ts) are used once.
 */
async function fillLog(database: pg.Client): Promise<void> {
  for (let segment = 0; segment < logSegments; segment++) {
    await database.query(`SELECT pg_logical_emit_message(false, 'bench', repeat('x', ${bytesOfSegment}))`)
  }
  await database.query('CHECKPOINT')
}

/** Each stage has a database of its own on the Redis: jobs are of organizations that others do not have. */
function numbered(redisUrl: string, number: number): string {
  const url = new URL(redisUrl)
  url.pathname = String(Number(url.pathname.slice(1)) + number)
  return url.href
}

/** The first comparison comes some seconds after the start, every other one a quarter of an hour after the one before. */
async function isSettled(database: pg.Client): Promise<boolean> {
  const found = await database.query<{ settled: boolean }>(`
    SELECT NOT EXISTS (SELECT 1 FROM inbox)
      AND NOT EXISTS (SELECT 1 FROM conversations WHERE status = 'open' AND queue_id IS NULL)
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE position IS NULL)
      AND NOT EXISTS (SELECT 1 FROM channel_accounts JOIN organizations o ON o.id = org_id
        WHERE suspended_at IS NULL AND backfill_due_at < now() + interval '1 minute') AS settled`)
  return found.rows[0]?.settled === true
}
