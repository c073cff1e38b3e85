import { closeSync, openSync } from 'node:fs'
import { mkdir, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { locatePostgresBinaries, type PostgresBinaries } from './postgres-binaries.js'
import { type Cluster, clusterOwner, prepareCluster } from './postgres-cluster.js'
import { chooseLauncher, type Launcher } from './postgres-launcher.js'
import { endLeftoverServer, isServerReady, readServerPid } from './postgres-leftover.js'
import { startTiedProcess, type TiedProcess } from './tied-process.js'

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
const startPatience = 60_000
const stopPatience = 30_000
const logFileLimit = 10 * 1024 * 1024

/** One small machine, one service. Statements, their values and their data never reach the server's log. */
const serverSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  synchronous_commit: 'on',
  commit_delay: '0',
  wal_compression: 'on',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  random_page_cost: '1.1',
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
 * is removed, a crash is recovered from. The server runs in a session of its own and ends when this
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
  const { server, port } = await startOnFreePort({ binaries, launcher, cluster, settings, logFile })
  const address = (database: string) =>
    `postgresql://${clusterOwner}:${cluster.password}@127.0.0.1:${port}/${database}?sslmode=disable`
  const addressFile = join(dataDir, 'database-url')
  try {
    await createDatabase(address('postgres'))
    await writeFile(addressFile, `${address(databaseName)}\n`, { mode: 0o600 })
  } catch (error) {
    await server.stop()
    throw error
  }
  options.log?.info(`embedded PostgreSQL ${binaries.major} listens on 127.0.0.1:${port}`)
  return {
    url: address(databaseName),
    stop: async () => {
      await rm(addressFile, { force: true })
      await stopServer(server, cluster.directory)
    },
  }
}

type StartPlan = {
  binaries: PostgresBinaries
  launcher: Launcher
  cluster: Cluster
  settings: Readonly<Record<string, string>>
  logFile: string
}

/**
 * A port that is free now may be taken a moment later, and after a kill of the server alone its
 * last sessions may hold the shared memory for a moment: both are tried again.
 */
async function startOnFreePort(plan: StartPlan): Promise<{ server: TiedProcess; port: number }> {
  const deadline = Date.now() + startPatience
  for (;;) {
    const port = await freePort()
    const logStart = await sizeOf(plan.logFile)
    const server = launch(plan, port)
    if (await becomesReady(server, plan.cluster.directory, deadline)) return { server, port }
    await server.stop()
    const reason = await readFrom(plan.logFile, logStart)
    const passing = /Address already in use|pre-existing shared memory block/.test(reason)
    if (!passing || Date.now() >= deadline) {
      throw new Error(`The embedded PostgreSQL in ${plan.cluster.directory} did not start:\n${reason.trim()}`)
    }
    await delay(200)
  }
}

function launch(plan: StartPlan, port: number): TiedProcess {
  const settings = Object.entries({ ...plan.settings, port: String(port) })
  const output = openSync(plan.logFile, 'a', 0o600)
  try {
    return startTiedProcess(
      [
        ...plan.launcher.prefix,
        plan.binaries.postgres,
        '-D',
        plan.cluster.directory,
        ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      { stopSignal: 'INT', output, user: plan.launcher.user },
    )
  } finally {
    closeSync(output)
  }
}

async function becomesReady(server: TiedProcess, directory: string, deadline: number): Promise<boolean> {
  let ended = false
  const noteEnd = () => {
    ended = true
  }
  server.exited.then(noteEnd, noteEnd)
  while (!ended && Date.now() < deadline) {
    if (await isServerReady(directory)) return true
    await delay(10)
  }
  return false
}

async function stopServer(server: TiedProcess, directory: string): Promise<void> {
  const pid = await readServerPid(directory)
  // A shutdown that hangs (a full disk) is cut short; the next start recovers from the log.
  const impatience = setTimeout(() => pid !== null && process.kill(pid, 'SIGQUIT'), stopPatience)
  try {
    await server.stop()
  } finally {
    clearTimeout(impatience)
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

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', resolve)
  })
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port on 127.0.0.1.')
  return address.port
}

async function rotate(file: string): Promise<void> {
  if ((await sizeOf(file)) > logFileLimit) await rename(file, `${file}.1`)
}

async function sizeOf(file: string): Promise<number> {
  return await stat(file).then(
    ({ size }) => size,
    () => 0,
  )
}

async function readFrom(file: string, start: number): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.max(0, size - start)), 0, null, start)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}
