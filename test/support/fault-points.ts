import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { PostgresMessages } from './postgres-messages.js'

/**
 * Places at which a program can be stopped: before and after every commit and every call of a provider. They are on the
 * wire, so that the program under test knows nothing of them.
 */
export class FaultPoints {
  /** The places that were passed since `arm`, in order; where it struck, the last one is where */
  passed: string[] = []
  private isDue: (place: string) => boolean = () => false
  private kill: (() => void) | null = null

  /** Kills once, at the first place that is due. */
  arm(isDue: (place: string) => boolean, kill: () => void): void {
    this.passed = []
    this.isDue = isDue
    this.kill = kill
  }

  get hasStruck(): boolean {
    return this.kill === null
  }

  /** True: the program is dead, and nothing may get through to or from it. */
  pass(place: string): boolean {
    if (!this.kill) return false
    this.passed.push(place)
    if (!this.isDue(place)) return false
    this.kill()
    this.kill = null
    return true
  }
}

export interface Wire {
  port: number
  close(): Promise<void>
}

/** One connection through here: what is to be done with the bytes of either side. False: cut it. */
interface Tap {
  fromClient(chunk: Buffer): Buffer | false
  fromServer(chunk: Buffer): Buffer | false
}

async function openWire(target: { host: string; port: number }, newTap: () => Tap): Promise<Wire> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    const upstream = connect(target.port, target.host)
    const tap = newTap()
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', end).on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    const carry = (from: Socket, to: Socket, look: (chunk: Buffer) => Buffer | false) =>
      from.on('data', (chunk) => {
        const out = look(chunk)
        if (out === false) end()
        else if (out.length > 0) to.write(out)
      })
    carry(client, upstream, (chunk) => tap.fromClient(chunk))
    carry(upstream, client, (chunk) => tap.fromServer(chunk))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** In front of a provider: before it has heard of a call, and after it has done it but before its answer arrives. */
export async function watchProvider(url: string, points: FaultPoints): Promise<{ url: string; wire: Wire }> {
  const target = new URL(url)
  const wire = await openWire({ host: target.hostname, port: Number(target.port) }, () => {
    let call: string | null = null
    return {
      fromClient: (chunk) => {
        if (call !== null) return chunk
        call = chunk.toString('latin1').startsWith('POST') ? 'a send' : 'a look into the list'
        return points.pass(`before ${call}`) ? false : chunk
      },
      fromServer: (chunk) => {
        const ended = call
        call = null
        return ended !== null && points.pass(`after ${ended}`) ? false : chunk
      },
    }
  })
  const watched = new URL(url)
  watched.host = `127.0.0.1:${wire.port}`
  return { url: watched.href, wire }
}

const written = /(?:INSERT INTO|DELETE FROM|(?<!\bFOR )\bUPDATE)\s+(?:"public"\.)?"?(\w+)"?/gi
const functions = /\b(store_callbacks|publish_events)\b/g

/** What a statement writes: tables, and the functions that bring their own transaction. */
const writesOf = (sql: string): string[] =>
  [...sql.matchAll(written), ...sql.matchAll(functions)].map(([, name = '']) => name)

/**
 * In front of PostgreSQL: before the program's commit reaches it, and after it has committed but before the program
 * learns of it. Connections of the job store are not watched: what it holds may be lost at any moment anyway.
 */
export async function watchDatabase(url: string, points: FaultPoints): Promise<{ url: string; wire: Wire }> {
  const target = new URL(url)
  const outbox = { isFull: false }
  const wire = await openWire({ host: target.hostname, port: Number(target.port) }, () =>
    tapDatabase(points, outbox),
  )
  const watched = new URL(url)
  watched.host = `127.0.0.1:${wire.port}`
  return { url: watched.href, wire }
}

function tapDatabase(points: FaultPoints, outbox: { isFull: boolean }): Tap {
  const client = new PostgresMessages('client')
  const server = new PostgresMessages('server')
  const statements = new Map<string, string>()
  let isWatched = false
  let isInTransaction = false
  let texts: string[] = []
  let writes = new Set<string>()
  const held: Buffer[] = []
  const answer: Buffer[] = []
  let rows = 0
  let commit: string | null = null

  /** The program has said all of one step. Names the commit, where it is one that has something to commit. */
  const nameCommit = (): string | null => {
    for (const text of texts) for (const name of writesOf(text)) writes.add(name)
    const isCommit = texts.some((text) => /^\s*COMMIT/i.test(text))
    const isAlone = !isInTransaction && !texts.some((text) => /^\s*BEGIN/i.test(text))
    texts = []
    if (writes.size === 0 || !(isCommit || isAlone)) return null
    // The relay asks every second whether there is anything to publish
    if (writes.has('publish_events') && !outbox.isFull) return null
    return `the commit of ${[...writes].sort().join(', ')}`
  }

  return {
    fromClient(chunk) {
      for (const { type, body, raw } of client.read(chunk)) {
        held.push(raw)
        if (type === 'startup') isWatched = /application_name\0parley\0/.test(body.toString('latin1'))
        if (!isWatched) continue
        if (type === 'P') {
          const [name = '', sql = ''] = body.toString('utf8').split('\0', 2)
          statements.set(name, sql)
        }
        if (type === 'B') texts.push(statements.get(body.toString('utf8').split('\0', 2)[1] ?? '') ?? '')
        if (type === 'Q') texts.push(body.toString('utf8').replace(/\0$/, ''))
        if (type !== 'Q' && type !== 'S') continue
        commit = nameCommit()
        rows = 0
        if (commit && points.pass(`before ${commit}`)) return false
      }
      // What belongs to one step goes through together
      return texts.length === 0 ? Buffer.concat(held.splice(0)) : Buffer.alloc(0)
    },
    fromServer(chunk) {
      for (const { type, body, raw } of server.read(chunk)) {
        answer.push(raw)
        if (type === 'D') rows += 1
        if (type === 'E') commit = null
        if (type !== 'Z') continue
        isInTransaction = body.toString('latin1') !== 'I'
        if (isInTransaction) continue
        if (commit && writes.has('events')) outbox.isFull = true
        if (commit && writes.has('publish_events')) {
          if (rows === 0) commit = null
          outbox.isFull = false
        }
        writes = new Set()
        const committed = commit
        commit = null
        if (committed && points.pass(`after ${committed}`)) return false
      }
      return commit ? Buffer.alloc(0) : Buffer.concat(answer.splice(0))
    },
  }
}
