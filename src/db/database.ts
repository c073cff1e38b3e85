import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { isPassingConflict } from './faults.js'
import { Prisma, PrismaClient } from './generated/client.js'
import { systemAccess } from './system.js'

declare const scoped: unique symbol

/** A transaction that sees the rows of one organization and no others. Only `Database.inOrg` makes one. */
export type OrgTx = Prisma.TransactionClient & {
  readonly orgId: string
  /** Set by the outbox: there is something to publish once this has committed */
  hasEvents: boolean
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

export interface DatabaseOptions {
  url: string
  poolSize: number
  onPoolError(error: Error): void
}

type Listener = () => void

const transactionLimits = { maxWait: 10_000, timeout: 30_000 }
const maxTries = 4

/**
 * The only way to the database. Every unit of work is one transaction in a role that row-level security binds:
 * `inOrg` for the rows of one organization; system.ts opens the door across them. A connection starts in parley_app without
 * an organization, so that a query outside any unit of work sees no row.
 */
export class Database {
  private readonly pool: pg.Pool
  private readonly systemPool: pg.Pool
  private readonly client: PrismaClient
  /** Called after a commit that wrote events */
  onEvents: Listener = () => undefined

  constructor(options: DatabaseOptions) {
    this.pool = openPool(options, 'parley_app', options.poolSize)
    this.systemPool = openPool(options, 'parley_system', systemPoolSize)
    this.client = new PrismaClient({
      adapter: new PrismaPg(this.pool, { statementNameGenerator: ({ sql }) => nameOf(sql) ?? '' }),
      transactionOptions: transactionLimits,
    })
  }

  /**
   * Runs `work` as one transaction that sees the rows of one organization. It may run again after a deadlock, so it
   * must do nothing but work in `tx`.
   */
  inOrg<Result>(scope: string | WorkScope, work: (tx: OrgTx) => Promise<Result>): Promise<Result> {
    const { orgId, lock, beforeCommit }: WorkScope = typeof scope === 'string' ? { orgId: scope } : scope
    let hasEvents = false
    const done = this.transact(async (client) => {
      await client.$executeRaw(enterOrg(orgId, lock))
      const tx = Object.create(client, {
        orgId: { value: orgId },
        hasEvents: { value: false, writable: true },
      }) as OrgTx
      const result = await work(tx)
      await beforeCommit?.(tx, result)
      hasEvents = tx.hasEvents
      return result
    })
    return done.then((result) => {
      if (hasEvents) this.onEvents()
      return result
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

  /** Throws if the database cannot be reached. */
  async ping(): Promise<void> {
    await this.client.$queryRaw`SELECT 1`
  }

  /** A connection outside the pool, for LISTEN. */
  newListener(): pg.Client {
    return new pg.Client({ ...this.pool.options, application_name: 'parley-listener', keepAlive: true })
  }

  async close(): Promise<void> {
    await this.client.$disconnect()
    await this.systemPool.end()
    if (!this.pool.ended) await this.pool.end()
  }

  private async transact<Result>(
    work: (client: Prisma.TransactionClient) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.client.$transaction(work)
      } catch (error) {
        if (attempt === maxTries || !isPassingConflict(error)) throw error
      }
    }
  }
}

const systemPoolSize = 3

// Every query has its index. A new database has no statistics, and plans that are made while a table is empty are kept:
// without this they would go on reading whole tables when these have grown.
const indexesFirst = '-c enable_seqscan=off'

function openPool({ url, onPoolError }: DatabaseOptions, role: string, max: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: 'parley',
    options: `-c role=${role} ${indexesFirst}`,
  })
  // A connection that the server ends while we close it anyway is none that was lost
  pool.on('error', (error) => {
    if (!pool.ending) onPoolError(error)
  })
  return pool
}

/** One statement outside Prisma, whose answer is not interpreted. */
async function ask<Row>(pool: pg.Pool, query: Prisma.Sql): Promise<Row[]> {
  const { rows } = await pool.query({
    name: nameOf(query.text),
    text: query.text,
    values: query.values,
  })
  return rows as Row[]
}

const statementNames = new Map<string, string>()
const mostNames = 300

/**
 * Statements that are written by hand are few, and their texts hardly vary: each connection keeps them prepared, under
 * this name. Those that Prisma writes vary with their arguments, and are not kept.
 */
function nameOf(text: string): string | undefined {
  const known = statementNames.get(text)
  if (known || text.includes('"public".') || statementNames.size === mostNames) return known
  const name = `parley_${statementNames.size}`
  statementNames.set(text, name)
  return name
}

/** Takes the role and the organization, and the lock where one is asked for: all in one round trip. */
function enterOrg(orgId: string, lock: string | undefined): Prisma.Sql {
  const entered = Prisma.sql`set_config('role', 'parley_app', true), set_config('app.org_id', ${orgId}, true)`
  return lock
    ? Prisma.sql`SELECT ${entered}, pg_advisory_xact_lock(hashtextextended(${`${lock} ${orgId}`}, 0))`
    : Prisma.sql`SELECT ${entered}`
}
