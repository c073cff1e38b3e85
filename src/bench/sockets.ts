import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { firstMessage, statusOf } from './wire.js'

export interface Answer {
  status: number
  body: string
}

/** Keep-alive connections to one local port, each with at most one request under way. */
export class Connections {
  private constructor(private readonly all: readonly Connection[]) {}

  static async open(port: number, count: number): Promise<Connections> {
    return new Connections(await Promise.all(Array.from({ length: count }, () => Connection.open(port))))
  }

  get each(): readonly Connection[] {
    return this.all
  }

  close(): void {
    for (const connection of this.all) connection.close()
  }
}

/** Callbacks in place of promises: the generator must cost as little as possible. */
export class Connection {
  private received: Buffer = Buffer.alloc(0)
  private onAnswer: ((answer: Answer) => void) | null = null
  private onFault: ((error: Error) => void) | null = null

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.read(chunk))
    socket.on('error', (error) => this.onFault?.(error))
    socket.on('close', () => this.onFault?.(new Error('The server closed the connection.')))
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    return new Connection(socket)
  }

  /** To be called again only after the answer. */
  send(request: Buffer, onAnswer: (answer: Answer) => void, onFault: (error: Error) => void): void {
    this.onAnswer = onAnswer
    this.onFault = onFault
    this.socket.write(request)
  }

  close(): void {
    this.onFault = null
    this.socket.destroy()
  }

  private read(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk])
    const bounds = firstMessage(this.received)
    if (!bounds) return
    const answer = {
      status: statusOf(this.received),
      body: this.received.toString('utf8', bounds.bodyStart, bounds.end),
    }
    this.received = this.received.subarray(bounds.end)
    this.onAnswer?.(answer)
  }
}
