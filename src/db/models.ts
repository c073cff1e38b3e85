import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { seconds } from '../lib/clock.js'
import { Prisma, PrismaClient } from './generated/client.js'
import { nameOf } from './statements.js'

const question = 'Whose transaction is this?'
/** What Prisma's transaction says of itself: ours has begun already, and ends when our work has */
const ownWords: ReadonlySet<string> = new Set(['BEGIN', 'COMMIT', 'ROLLBACK'])
const said = { rows: [], fields: [], rowCount: 0, command: '', oid: 0 } satisfies pg.QueryResult

/** Sends a statement in a transaction of ours */
export type Send = (query: pg.QueryConfig) => Promise<pg.QueryResult>

type Offered = Map<string, Send>

/** What Prisma takes for a connection: it passes statements on to the one that its first question names. */
class Lent {
  private send: Send | null = null

  constructor(private readonly offered: Offered) {}

  async query(query: pg.QueryConfig): Promise<pg.QueryResult> {
    if (ownWords.has(query.text)) return said
    if (query.text.startsWith(question)) {
      this.send = this.offered.get(String(query.values?.[0])) ?? null
      return said
    }
    if (!this.send) throw new Error('A statement of Prisma’s came outside a unit of work')
    return this.send(query)
  }

  /** Whoever took the connection from the pool hears of its faults, and gives it back. */
  on(): void {}
  removeListener(): void {}
  release(): void {}
}

/** It has no connection of its own. */
class LendingPool extends pg.Pool {
  constructor(private readonly offered: Offered) {
    super({ max: 0 })
  }

  override connect(): Promise<pg.PoolClient>
  override connect(taken: unknown): void
  override connect(): Promise<pg.PoolClient> {
    return Promise.resolve(new Lent(this.offered) as unknown as pg.PoolClient)
  }
}

/**
 * Prisma's models on a connection that stands in a transaction of ours. Prisma believes that it has one of its own: each of
 * these costs half a millisecond of processor time and a round trip for its BEGIN, so only who asks a model pays for it.
 */
export class Models {
  private readonly offered: Offered = new Map()
  private readonly client: PrismaClient
  private tickets = 0

  constructor() {
    const adapter = new PrismaPg(new LendingPool(this.offered), {
      statementNameGenerator: ({ sql }) => nameOf(sql) ?? '',
    })
    this.client = new PrismaClient({ adapter, transactionOptions: { maxWait: longest, timeout: longest } })
  }

  /** They send by this and until `ended` resolves. */
  open(send: Send, ended: Promise<void>): Promise<Prisma.TransactionClient> {
    return new Promise((resolve, reject) => {
      this.client
        .$transaction(async (tx) => {
          await this.bind(tx, send)
          resolve(tx)
          await ended
        })
        .catch(reject)
    })
  }

  close(): Promise<void> {
    return this.client.$disconnect()
  }

  /** The transaction itself carries the question, so that no two can be taken for each other. It never leaves this file. */
  private async bind(tx: Prisma.TransactionClient, send: Send): Promise<void> {
    const ticket = String(++this.tickets)
    this.offered.set(ticket, send)
    try {
      await tx.$executeRaw(new Prisma.Sql([question, ''], [ticket]))
    } finally {
      this.offered.delete(ticket)
    }
  }
}

/** Longer than PostgreSQL lets a transaction stand still (statements.ts) */
const longest = seconds(120)
