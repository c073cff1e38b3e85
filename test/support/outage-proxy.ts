import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

export interface OutageProxy {
  /** The same server, through here. */
  url: string
  /** From now on the server is away: connections break, new ones are refused. */
  cut(): Promise<void>
  /** From now on it is away and nobody says so: nothing gets through, new connections get no answer. */
  silence(): void
  /** It is there again. */
  back(): Promise<void>
}

/** Stands between the service and its PostgreSQL or Redis, so that a test can take that away. */
export async function startOutageProxy(serverUrl: string): Promise<OutageProxy> {
  const target = new URL(serverUrl)
  const sockets = new Set<Socket>()
  let isSilent = false
  const server = createServer((inner) => {
    const outer = connect(Number(target.port), target.hostname)
    for (const socket of [inner, outer]) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    }
    inner.pipe(outer).pipe(inner)
    inner.on('close', () => outer.destroy())
    if (isSilent) inner.pause()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    cut: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
    silence: () => {
      isSilent = true
      for (const socket of sockets) socket.pause()
    },
    back: async () => {
      isSilent = false
      for (const socket of sockets) socket.resume()
      if (server.listening) return
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
  }
}
