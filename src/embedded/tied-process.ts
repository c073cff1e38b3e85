import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Runs "$@" until it ends or until our end of the pipe on stdin closes, which the kernel also does
 * when this process is killed. The shell and its watcher ignore the signals that a supervisor sends to
 * everybody, so that the child is stopped by us, and last. dash closes no descriptor for a background
 * command, hence `3<&-`.
 */
const wrapper = `
exec 3<&0
trap '' TERM HUP INT
signal=$1
shift
( trap - TERM HUP INT; exec "$@" ) </dev/null 3<&- &
child=$!
( read -r ignored <&3; kill -s "$signal" "$child" 2>/dev/null ) >/dev/null 2>&1 &
watcher=$!
wait "$child"
code=$?
kill -s KILL "$watcher" 2>/dev/null
exit "$code"
`

export type TiedProcess = {
  /** Settles when the child has ended; the exit code, 128 + n where signal n ended it. */
  exited: Promise<number>
  /** Sends the stop signal and waits for the end. */
  stop: () => Promise<void>
}

export type TiedProcessOptions = {
  /** What makes the child stop in good order. */
  stopSignal: 'INT' | 'TERM'
  /** A file descriptor that takes stdout and stderr. */
  output: number
  user?: { uid: number; gid: number } | null
}

/**
 * Starts a program in a session of its own (a signal to our process group does not reach it) that cannot
 * outlive us: when this process ends, however it ends, the child gets its stop signal.
 */
export function startTiedProcess(command: readonly string[], options: TiedProcessOptions): TiedProcess {
  const child: ChildProcess = spawn('sh', ['-c', wrapper, 'parley-child', options.stopSignal, ...command], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', options.output, options.output],
    ...(options.user ?? {}),
  })
  const exited = once(child, 'exit').then(([code, signal]) => (signal === null ? Number(code) : 128))
  // Unobserved until somebody awaits it; a spawn failure must not become an unhandled rejection first.
  exited.catch(() => undefined)
  child.stdin?.on('error', () => undefined)
  return {
    exited,
    stop: async () => {
      child.stdin?.destroy()
      await exited
    },
  }
}
