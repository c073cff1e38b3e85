export interface PostgresMessage {
  /** The protocol's letter; `startup` for what a client says first, which has none */
  type: string
  body: Buffer
  /** As it came */
  raw: Buffer
}

/** Cuts a stream into messages. https://www.postgresql.org/docs/current/protocol-message-formats.html */
export class PostgresMessages {
  private rest: Buffer = Buffer.alloc(0)
  private isFirst: boolean

  constructor(side: 'client' | 'server') {
    this.isFirst = side === 'client'
  }

  read(chunk: Buffer): PostgresMessage[] {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    const messages: PostgresMessage[] = []
    for (;;) {
      const letter = this.isFirst ? 0 : 1
      if (this.rest.length < letter + 4) return messages
      const end = letter + this.rest.readInt32BE(letter)
      if (this.rest.length < end) return messages
      const raw = this.rest.subarray(0, end)
      messages.push({
        type: this.isFirst ? 'startup' : String.fromCharCode(raw[0] ?? 0),
        body: raw.subarray(letter + 4),
        raw,
      })
      this.isFirst = false
      this.rest = this.rest.subarray(end)
    }
  }
}
