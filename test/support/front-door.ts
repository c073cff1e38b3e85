import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface FrontDoor {
  url: string
  close(): Promise<void>
}

const retryMs = 20

/**
 * Stands where an installation has its load balancer: one address that stays while the processes behind it are killed
 * and started. A caller waits while none of them listens.
 */
export async function openFrontDoor(portsBehind: () => readonly number[]): Promise<FrontDoor> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    return socket
  }
  const server = createServer(async (caller) => {
    keep(caller).pause()
    const inner = await reach(caller, portsBehind)
    if (!inner) return caller.destroy()
    keep(inner)
    caller.on('close', () => inner.destroy())
    inner.on('close', () => caller.destroy())
    caller.pipe(inner).pipe(caller)
    return undefined
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** A connection to any of the processes, as soon as there is one; null when the caller has left. */
async function reach(caller: Socket, portsBehind: () => readonly number[]): Promise<Socket | null> {
  for (let turn = Math.floor(Math.random() * 8); !caller.destroyed; turn++) {
    const ports = portsBehind()
    const port = ports[turn % ports.length]
    const socket = port === undefined ? null : await tryPort(port)
    if (socket) return socket
    await pause(retryMs)
  }
  return null
}

function tryPort(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', () => resolve(null))
  })
}
