import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { locatePostgresBinaries } from './postgres-binaries.js'
import { clusterOwner, prepareCluster } from './postgres-cluster.js'
import { chooseLauncher } from './postgres-launcher.js'
import { endLeftoverServer } from './postgres-leftover.js'
import { startPostgresProcess } from './postgres-process.js'

export type EmbeddedPostgres = {
  /** As the owner of everything, on 127.0.0.1. The port is another one at every start. */
  url: string
  /** Ends all connections and the server. To be called last. */
  stop: () => Promise<void>
}

export type EmbeddedPostgresOptions = {
  dataDir: string
  log?: { info: (message: string) => void }
  /** Server settings on top of ours. */
  settings?: Readonly<Record<string, string>>
}

const databaseName = 'parley'
const logFileLimit = 10 * 1024 * 1024

/** One small machine, one service. Statements, their values and their data never reach the server's log. */
const serverSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  synchronous_commit: 'on',
  commit_delay: '0',
  // Without lz4 in this build, to compress the pages in the log would be a quarter of what a callback costs the server
  wal_compression: 'off',
  // A new segment of the log is written full of zeros before its first use, and all commits wait for that: few
  // segments that are used again keep commits even
  max_wal_size: '512MB',
  min_wal_size: '512MB',
  checkpoint_timeout: '5min',
  random_page_cost: '1.1',
  // A table gets its statistics when it has grown by half: they take a core of a small machine, and every connection plans
  // its statements again after them
  autovacuum_naptime: '60s',
  autovacuum_analyze_scale_factor: '0.5',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
}

/**
 * Starts the PostgreSQL that came from npm, on the cluster in `dataDir` (made at the first start).
 * Whatever an earlier run left is dealt with: a server that still runs is ended first, a stale lock file
 * is removed, a crash is recovered from. A server that dies while we run is started again on its port. It runs in a session of its own and ends when this
 * process does, however it ends. Throws an Error whose message tells a person what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  // Others may enter but not list: the server may have to run as another user.
  await mkdir(options.dataDir, { recursive: true, mode: 0o711 })
  const dataDir = await realpath(options.dataDir)
  const binaries = await locatePostgresBinaries()
  const launcher = await chooseLauncher(binaries.postgres, dataDir)
  const cluster = await prepareCluster(dataDir, binaries, launcher)
  await endLeftoverServer(cluster.directory)

  const logFile = join(dataDir, 'postgres.log')
  await rotate(logFile)
  const settings = { ...serverSettings, ...options.settings }
  const server = await startPostgresProcess({ binaries, launcher, cluster, settings, logFile }, () =>
    options.log?.info('embedded PostgreSQL ended by itself and is started again'),
  )
  const address = (database: string) =>
    `postgresql://${clusterOwner}:${cluster.password}@127.0.0.1:${server.port}/${database}?sslmode=disable`
  const addressFile = addressFileOf(dataDir)
  try {
    await createDatabase(address('postgres'))
    await writeFile(addressFile, `${address(databaseName)}\n`, { mode: 0o600 })
  } catch (error) {
    await server.stop()
    throw error
  }
  options.log?.info(`embedded PostgreSQL ${binaries.major} listens on 127.0.0.1:${server.port}`)
  return {
    url: address(databaseName),
    stop: async () => {
      await rm(addressFile, { force: true })
      await server.stop()
    },
  }
}

const addressFileOf = (dataDir: string): string => join(dataDir, 'database-url')

/** The address of the server of a service that runs on `dataDir`; null where none does. */
export async function findRunningPostgres(dataDir: string): Promise<string | null> {
  const address = await readFile(addressFileOf(dataDir), 'utf8').catch(() => '')
  if (address === '') return null
  const client = new pg.Client({ connectionString: address.trim() })
  try {
    await client.connect()
    await client.end()
    return address.trim()
  } catch {
    // Left by a service that was killed
    return null
  }
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [databaseName])
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${databaseName}`)
  } finally {
    await client.end()
  }
}

async function rotate(file: string): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  )
  if (size > logFileLimit) await rename(file, `${file}.1`)
}
