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
export interface Tap {
  fromClient(chunk: Buffer): Buffer | false
  fromServer(chunk: Buffer): Buffer | false
}

export async function openWire(target: { host: string; port: number }, newTap: () => Tap): Promise<Wire> {
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

const written = /(?:INSERT INTO|DELETE FROM|(?<!\b(?:FOR|KEY|DO) )\bUPDATE)\s+(?:"public"\.)?"?(\w+)"?/gi
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

/** What the program says until it waits for an answer: several may be under way on one connection. */
interface Step {
  /** The commit that it ends with, if anything was written */
  commit: string | null
  rows: number
}

function tapDatabase(points: FaultPoints, outbox: { isFull: boolean }): Tap {
  const client = new PostgresMessages('client')
  const server = new PostgresMessages('server')
  const statements = new Map<string, string>()
  const steps: Step[] = []
  let isWatched = false
  let isInTransaction = false
  let texts: string[] = []
  let writes = new Set<string>()
  const held: Buffer[] = []
  const answer: Buffer[] = []

  /** Names the commit, where there is something to commit. */
  const endStep = (): string | null => {
    const says = (word: string) => texts.some((text) => text.trimStart().toUpperCase().startsWith(word))
    for (const text of texts) for (const name of writesOf(text)) writes.add(name)
    isInTransaction = (isInTransaction || says('BEGIN')) && !says('COMMIT') && !says('ROLLBACK')
    const isRolledBack = says('ROLLBACK')
    texts = []
    if (isInTransaction) return null
    const written = [...writes].sort()
    writes = new Set()
    // The relay asks every second whether there is anything to publish
    const isIdle = written.includes('publish_events') && !outbox.isFull
    return written.length === 0 || isRolledBack || isIdle ? null : `the commit of ${written.join(', ')}`
  }

  return {
    fromClient(chunk) {
      for (const { type, body, raw } of client.read(chunk)) {
        held.push(raw)
        if (type === 'startup') isWatched = /application_name\0parley\0/.test(body.toString('latin1'))
        if (!isWatched) continue
        const [first = '', second = ''] = body.toString('utf8').split('\0', 2)
        if (type === 'P') statements.set(first, second)
        if (type === 'B') texts.push(statements.get(second) ?? '')
        if (type === 'Q') texts.push(first)
        if (type !== 'Q' && type !== 'S') continue
        const commit = endStep()
        if (commit && points.pass(`before ${commit}`)) return false
        steps.push({ commit, rows: 0 })
      }
      // What belongs to one step goes through together
      return texts.length === 0 ? Buffer.concat(held.splice(0)) : Buffer.alloc(0)
    },
    fromServer(chunk) {
      for (const { type, raw } of server.read(chunk)) {
        answer.push(raw)
        const [step] = steps
        if (type === 'D' && step) step.rows += 1
        if (type === 'E' && step) step.commit = null
        if (type !== 'Z') continue
        const { commit = null, rows = 0 } = steps.shift() ?? {}
        if (!commit) continue
        if (/\bevents\b/.test(commit)) outbox.isFull = true
        if (commit.includes('publish_events')) {
          outbox.isFull = false
          if (rows === 0) continue
        }
        if (points.pass(`after ${commit}`)) return false
      }
      return steps[0]?.commit ? Buffer.alloc(0) : Buffer.concat(answer.splice(0))
    },
  }
}
