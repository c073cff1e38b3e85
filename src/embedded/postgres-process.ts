import { closeSync, openSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { PostgresBinaries } from './postgres-binaries.js'
import type { Cluster } from './postgres-cluster.js'
import type { Launcher } from './postgres-launcher.js'
import { endLeftoverServer, isServerReady, readServerPid, type ServerPlace } from './postgres-leftover.js'
import { startTiedProcess, type TiedProcess } from './tied-process.js'

/** Milliseconds. A start after a crash replays the log first. */
const startPatience = 60_000
const stopPatience = 30_000
const restartPause = 1_000
const passingReasons =
  /Address already in use|pre-existing shared memory block|lock file "postmaster.pid" already exists/

export type StartPlan = {
  binaries: PostgresBinaries
  launcher: Launcher
  cluster: Cluster
  settings: Readonly<Record<string, string>>
  logFile: string
}

export type PostgresProcess = { port: number; stop: () => Promise<void> }

/** Runs the server until it is stopped: where it dies by itself it is started again on the same port. */
export async function startPostgresProcess(plan: StartPlan, onRestart: () => void): Promise<PostgresProcess> {
  const { server, port } = await startOnFreePort(plan)
  let current = server
  let stopping = false
  const keepRunning = async () => {
    for (;;) {
      await current.exited.catch(() => undefined)
      if (stopping) return
      onRestart()
      await endLeftoverServer(plan.cluster.directory)
      current = launch(plan, port)
      if (stopping) await current.stop()
      // A start that fails (the last sessions of the dead server linger, a full disk) ends, and is tried again.
      const ready = await becomesReady(
        current,
        { directory: plan.cluster.directory, port },
        Date.now() + startPatience,
      )
      if (!ready && !stopping) await delay(restartPause)
    }
  }
  const watching = keepRunning()
  return {
    port,
    stop: async () => {
      stopping = true
      await stopServer(current, plan.cluster.directory)
      await watching
    },
  }
}

/**
 * A port that is free now may be taken a moment later; after a kill of the server alone its last sessions may
 * hold the shared memory for a moment; a service that was killed while it started the server again leaves one
 * that takes the directory only now. All are tried again, the last after its end.
 */
async function startOnFreePort(plan: StartPlan): Promise<{ server: TiedProcess; port: number }> {
  const deadline = Date.now() + startPatience
  for (;;) {
    const port = await freePort()
    const logStart = await sizeOf(plan.logFile)
    const server = launch(plan, port)
    if (await becomesReady(server, { directory: plan.cluster.directory, port }, deadline))
      return { server, port }
    await server.stop()
    const reason = await readFrom(plan.logFile, logStart)
    const passing = passingReasons.test(reason)
    if (!passing || Date.now() >= deadline) {
      throw new Error(`The embedded PostgreSQL in ${plan.cluster.directory} did not start:\n${reason.trim()}`)
    }
    await endLeftoverServer(plan.cluster.directory)
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

async function becomesReady(server: TiedProcess, place: ServerPlace, deadline: number): Promise<boolean> {
  let ended = false
  const noteEnd = () => {
    ended = true
  }
  server.exited.then(noteEnd, noteEnd)
  while (!ended && Date.now() < deadline) {
    if (await isServerReady(place)) return true
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
