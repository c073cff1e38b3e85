import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { TaskAnswer, TaskMessage, TaskName, Tasks } from './load.js'

/** The same from src/bench, where the tests are, and from dist/bench. */
const program = fileURLToPath(new URL('../../dist/bench/main.js', import.meta.url))

/** What this program is started as, besides itself: `main.js --part NAME …`. */
export const parts = ['load', 'bare', 'trivial'] as const
export type Part = (typeof parts)[number]

/** The load generator cleans up rarely: while it does, what it measures would seem late. */
const flagsOf = { load: ['--max-semi-space-size=32', '--heap-growing-percent=200'], bare: [], trivial: [] }

/** Starts a part in a process of its own, which ends with this one. */
function startPart(part: Part, ...args: string[]): ChildProcess {
  return fork(program, ['--part', part, ...args], { serialization: 'advanced', execArgv: flagsOf[part] })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exit = once(child, 'exit')
  child.kill()
  await exit
}

export interface LoadProcess {
  run<Name extends TaskName>(name: Name, order: Tasks[Name]['order']): Promise<Tasks[Name]['result']>
  stop(): Promise<void>
}

/** The load generator, which does one task at a time. */
export function startLoad(): LoadProcess {
  const child = startPart('load')
  return {
    async run<Name extends TaskName>(name: Name, order: Tasks[Name]['order']) {
      child.send({ name, order } as TaskMessage)
      const answer = await nextAnswer(child)
      if ('fault' in answer) throw new Error(`The load (${name}) failed: ${answer.fault}`)
      return answer.result as Tasks[Name]['result']
    },
    stop: () => end(child),
  }
}

function nextAnswer(child: ChildProcess): Promise<TaskAnswer> {
  return new Promise((resolve) => {
    const onAnswer = (answer: TaskAnswer) => {
      child.off('exit', onExit)
      resolve(answer)
    }
    const onExit = () => {
      child.off('message', onAnswer)
      resolve({ fault: 'its process ended' })
    }
    child.once('message', onAnswer).once('exit', onExit)
  })
}

/** A server that the service is compared with. */
export interface LimitServer {
  port: number
  stop(): Promise<void>
}

export async function startLimitServer(part: 'bare' | 'trivial', ...args: string[]): Promise<LimitServer> {
  const port = await freePort()
  const child = startPart(part, String(port), ...args)
  await once(child, 'message')
  return { port, stop: () => end(child) }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/** Looks again until `holds` is true. Throws an Error that says what was waited for. */
export async function until(what: string, seconds: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${seconds} s: ${what}.`)
    await wait(20)
  }
}
