import { createHash } from 'node:crypto'
import { mkdir, realpath, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type InstanceLock = { release: () => Promise<void> }

/** Another process holds the directory; the message is for the person who started this one. */
export class InstanceLockError extends Error {
  override readonly name = 'InstanceLockError'
}

/**
 * Makes this process the only one on `dataDir`, until it releases the lock or ends. The lock is a listening
 * socket that the kernel takes back at any kind of death, so no stale file can refuse a start; it
 * answers a connection with our process number. On Linux its name is abstract and seen within one network
 * namespace: two containers that share a directory are not kept apart by it.
 */
export async function acquireInstanceLock(dataDir: string): Promise<InstanceLock> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 })
  const directory = await realpath(dataDir)
  const path = socketPath(directory)
  const server = (await listen(path)) ?? (await replaceStale(path))
  if (server === null) {
    const holder = await askHolder(path)
    throw new InstanceLockError(
      `Parley already runs in ${directory}${holder ? ` (pid ${holder})` : ''}. Stop it, or set DATA_DIR to another directory.`,
    )
  }
  return {
    release: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function socketPath(directory: string): string {
  const name = `parley-${createHash('sha256').update(directory).digest('hex').slice(0, 32)}`
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`)
}

/** Null where somebody listens there already, or a file of that name is left. */
async function listen(path: string): Promise<Server | null> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end(String(process.pid))
  })
  return await new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    server.listen({ path, exclusive: true }, () => resolve(server.unref()))
  })
}

/** A socket file outlives its process, an abstract name does not. */
async function replaceStale(path: string): Promise<Server | null> {
  if (path.startsWith('\0') || (await askHolder(path)) !== null) return null
  await rm(path, { force: true })
  return await listen(path)
}

/** The holder's process number, '' where it does not say, null where nobody listens. */
async function askHolder(path: string): Promise<string | null> {
  return await new Promise((resolve) => {
    let answer = ''
    const socket = connect(path)
    socket.setTimeout(1000, () => socket.destroy())
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.once('error', () => resolve(null))
    socket.once('close', () => resolve(/^\d+$/.test(answer) ? answer : ''))
  })
}
