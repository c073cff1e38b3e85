import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** What a running server is told, and how long it is given (milliseconds): fast, immediate, killed. */
const endings = [
  { signal: 'SIGINT', patience: 15_000 },
  { signal: 'SIGQUIT', patience: 5_000 },
  { signal: 'SIGKILL', patience: 2_000 },
] as const

/**
 * Clears what an earlier run left in the cluster's directory. A server that still runs there (its service
 * was killed a moment ago) is ended; a lock file whose process is gone, or whose number belongs to another
 * program by now, is removed. PostgreSQL itself would refuse to start in the second case.
 */
export async function endLeftoverServer(directory: string): Promise<void> {
  const pid = await readServerPid(directory)
  if (pid === null) return
  for (const { signal, patience } of endings) {
    if (!(await isServerOf(pid, directory))) break
    sendSignal(pid, signal, directory)
    const deadline = Date.now() + patience
    while (Date.now() < deadline && (await isServerOf(pid, directory))) await delay(25)
  }
  await rm(join(directory, 'postmaster.pid'), { force: true })
}

/** The process number in the server's lock file, or null where there is none. */
export async function readServerPid(directory: string): Promise<number | null> {
  const [first = ''] = await readLockFile(directory)
  const pid = Number.parseInt(first, 10)
  return Number.isSafeInteger(pid) && pid > 0 ? pid : null
}

export type ServerPlace = { directory: string; port: number }

/** The server's own word on whether it takes connections: line 8 of the lock file; line 4 is its port. */
export async function isServerReady({ directory, port }: ServerPlace): Promise<boolean> {
  const lines = await readLockFile(directory)
  return lines[3]?.trim() === String(port) && lines[7]?.trim() === 'ready'
}

async function readLockFile(directory: string): Promise<string[]> {
  try {
    return (await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals, directory: string): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return
    throw new Error(
      `A PostgreSQL server (pid ${pid}) of another user works in ${directory}. Stop it, then start Parley again.`,
      { cause: error },
    )
  }
}

async function isServerOf(pid: number, directory: string): Promise<boolean> {
  const command = await commandLine(pid)
  return basename(command[0] ?? '') === 'postgres' && command.includes(directory)
}

/** Empty for a process that is gone or has ended and waits to be collected. */
async function commandLine(pid: number): Promise<string[]> {
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
    const { stdout } = await promisify(execFile)('ps', ['-o', 'args=', '-p', String(pid)])
    return stdout.trim().split(' ')
  } catch {
    return []
  }
}
