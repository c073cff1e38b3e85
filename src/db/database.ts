import pg from 'pg'
import { seconds } from '../lib/clock.js'
import { inTime } from '../lib/in-time.js'
import { connectPrisma } from './connected.js'
import { isPassingConflict } from './faults.js'
import { Prisma, PrismaClient } from './generated/client.js'
import { ask, nameOf, openPool, type PoolOptions, tell } from './statements.js'
import { systemAccess } from './system.js'

declare const scoped: unique symbol

/**
 * A transaction that sees the rows of one organization and no others. Only `Database.inOrg` makes one. Statements written
 * by hand (`$queryRaw`, `$executeRaw`) are sent when they are called, in that order, and those of one moment in one round
 * trip: `Promise.all` over what does not need each other's answers.
 */
export type OrgTx = Prisma.TransactionClient & {
  readonly orgId: string
  /** What `gathered` keeps for the end of this unit of work */
  readonly gathered: Map<symbol, unknown>
  /** Its end has come: a statement that comes now is refused, its connection may be at work for somebody else */
  isOver: boolean
  readonly [scoped]: true
}

/** Whose rows a unit of work may touch, and what must be written with it. */
export interface WorkScope {
  readonly orgId: string
  /** Only one unit of work with this lock runs at a time in the organization */
  readonly lock?: string
  /** Runs in the same transaction after the work, with its result (the first answer to an Idempotency-Key) */
  readonly beforeCommit?: (tx: OrgTx, result: unknown) => Promise<void>
}

export interface DatabaseOptions extends PoolOptions {
  poolSize: number
}

/** What a unit of work tells others. */
export interface Outbox {
  /** Called in every unit of work last of all. Its statement leaves together with the commit; null where there is none */
  write(tx: OrgTx): Promise<unknown> | null
  /** Called after the commit of such a statement */
  written(): void
}

const transactionLimits = { maxWait: 10_000, timeout: 30_000 }
const maxTries = 4
const pingPatience = seconds(2)

/**
 * The only way to the database. Every unit of work is one transaction in a role that row-level security binds:
 * `inOrg` for the rows of one organization; system.ts opens the door across them. A connection starts in parley_app without
 * an organization, so that a query outside any unit of work sees no row.
 */
export class Database {
  private readonly pool: pg.Pool
  private readonly systemPool: pg.Pool
  private readonly client: PrismaClient
  private readonly connectionOf: (tx: Prisma.TransactionClient) => Promise<pg.PoolClient>
  /** Called in every unit of work when its work is done: what follows from it in the same transaction */
  beforeCommit: (tx: OrgTx) => Promise<void> = async () => undefined
  outbox: Outbox = { write: () => null, written: () => undefined }

  constructor(options: DatabaseOptions) {
    this.pool = openPool(options, 'parley_app', options.poolSize)
    this.systemPool = openPool(options, 'parley_system', systemPoolSize)
    const { adapter, connectionOf } = connectPrisma(this.pool, {
      statementNameGenerator: ({ sql }) => nameOf(sql) ?? '',
    })
    this.client = new PrismaClient({ adapter, transactionOptions: transactionLimits })
    this.connectionOf = connectionOf
  }

  /**
   * Runs `work` as one transaction that sees the rows of one organization. It may run again after a deadlock, so it
   * must do nothing but work in `tx`.
   */
  inOrg<Result>(scope: string | WorkScope, work: (tx: OrgTx) => Promise<Result>): Promise<Result> {
    const { orgId, lock, beforeCommit }: WorkScope = typeof scope === 'string' ? { orgId: scope } : scope
    return this.transact(async (client) => {
      const connection = await this.connectionOf(client)
      const entered = tell(connection, enterOrg(orgId, lock))
      const tx = scopedTo(orgId, client, connection)
      try {
        const result = await work(tx)
        await this.beforeCommit(tx)
        await beforeCommit?.(tx, result)
        const wrote = this.outbox.write(tx)
        // Its answer is waited for after the commit's
        wrote?.catch(() => undefined)
        return { result, wrote }
      } finally {
        tx.isOver = true
        // What the work asks for follows in the same round trip; where this failed, all of that failed for it
        await entered
      }
    })
  }

  /** See system.ts, which has the key to it. One statement, prepared, its own transaction. */
  async [systemAccess]<Row>(query: Prisma.Sql): Promise<Row[]> {
    return ask<Row>(this.systemPool, query)
  }

  /** One call of a SECURITY DEFINER function, which brings its own rights and its own transaction. */
  call<Row>(query: Prisma.Sql): Promise<Row[]> {
    return ask<Row>(this.pool, query)
  }

  /** Throws if the database does not answer at once, with a message that says why. */
  async ping(): Promise<void> {
    const answer = this.pool.query('SELECT 1')
    await inTime(answer, pingPatience, () => new Error('no answer')).catch(
      (error: Error & { code?: string }) => {
        throw new Error(`the database is away (${error.code ?? error.message})`, { cause: error })
      },
    )
  }

  /** A connection outside the pool, for LISTEN and NOTIFY. Its commits wait for no disk: a signal may get lost. */
  newListener(): pg.Client {
    const { options = '' } = this.pool.options
    return new pg.Client({
      ...this.pool.options,
      options: `${options} -c synchronous_commit=off`.trim(),
      application_name: 'parley-listener',
      keepAlive: true,
    })
  }

  async close(): Promise<void> {
    await this.client.$disconnect()
    await this.systemPool.end()
    if (!this.pool.ended) await this.pool.end()
  }

  private async transact<Result>(
    work: (client: Prisma.TransactionClient) => Promise<{ result: Result; wrote: Promise<unknown> | null }>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { result, wrote } = await this.client.$transaction(work)
        // Where it failed PostgreSQL has rolled back at the commit, which says nothing of it
        await wrote
        if (wrote) this.outbox.written()
        return result
      } catch (error) {
        if (attempt === maxTries || !isPassingConflict(error)) throw error
      }
    }
  }
}

const systemPoolSize = 3

/** Prisma's transaction, with the statements that are written by hand sent past Prisma. */
function scopedTo(orgId: string, client: Prisma.TransactionClient, connection: pg.PoolClient): OrgTx {
  const send =
    <Answer>(how: (on: pg.PoolClient, query: Prisma.Sql) => Promise<Answer>) =>
    async (...query: SqlCall): Promise<Answer> => {
      if (tx.isOver) throw new Error('A statement came after the end of its unit of work')
      return how(connection, sqlOf(query))
    }
  const tx = Object.create(client, {
    orgId: { value: orgId },
    gathered: { value: new Map() },
    isOver: { value: false, writable: true },
    $queryRaw: { value: send(ask) },
    $executeRaw: { value: send(tell) },
  }) as OrgTx
  return tx
}

type SqlCall = [text: Prisma.Sql | readonly string[], ...values: unknown[]]

const sqlOf = ([text, ...values]: SqlCall): Prisma.Sql =>
  text instanceof Prisma.Sql ? text : Prisma.sql(text, ...values)

/** Takes the role and the organization, and the lock where one is asked for: all in one round trip. */
function enterOrg(orgId: string, lock: string | undefined): Prisma.Sql {
  const entered = Prisma.sql`set_config('role', 'parley_app', true), set_config('app.org_id', ${orgId}, true)`
  return lock
    ? Prisma.sql`SELECT ${entered}, pg_advisory_xact_lock(hashtextextended(${`${lock} ${orgId}`}, 0))`
    : Prisma.sql`SELECT ${entered}`
}
