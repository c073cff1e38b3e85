import { once } from 'node:events'
import { existsSync, openSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startTiedProcess } from '../../src/embedded/tied-process.js'

export type TestRedis = { url: string; stop: () => Promise<void> }

/**
 * A throw-away Redis on a free port, or null where this machine has none: the queue tests run on PostgreSQL
 * alone then. In CI that is a failure, so that the Redis half cannot fall out unnoticed.
 */
export async function startTestRedis(): Promise<TestRedis | null> {
  const program = findOnPath('redis-server')
  if (program === null) {
    if (process.env['CI']) throw new Error('CI must run the Redis tests: install redis-server.')
    return null
  }
  const port = await freePort()
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const server = startTiedProcess([program, ...settings], {
    stopSignal: 'TERM',
    output: openSync('/dev/null', 'w'),
  })
  await untilListening(port)
  return { url: `redis://127.0.0.1:${port}`, stop: server.stop }
}

function findOnPath(name: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port on 127.0.0.1.')
  return address.port
}

async function untilListening(port: number): Promise<void> {
  const deadline = Date.now() + 10_000
  while (Date.now() < deadline) {
    const socket = connect(port, '127.0.0.1')
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected) return
    await delay(20)
  }
  throw new Error(`redis-server did not listen on port ${port} within 10 seconds.`)
}
