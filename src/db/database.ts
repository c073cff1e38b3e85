import pg from 'pg'
import { seconds } from '../lib/clock.js'
import { inTime } from '../lib/in-time.js'
import { leftForTheEnd } from './at-the-end.js'
import { isPassingConflict } from './faults.js'
import type { Prisma } from './generated/client.js'
import { Models } from './models.js'
import { ask, openPool, type PoolOptions, tell } from './statements.js'
import { systemAccess } from './system.js'
import { inTransaction, unheard } from './transaction.js'
import { enterOrg, openUnit } from './unit-of-work.js'

declare const scoped: unique symbol

/**
 * A transaction that sees the rows of one organization and no others. Only `Database.inOrg` makes one. Statements written
 * by hand (`$queryRaw`, `$executeRaw`) are sent when they are called, in that order, and those of one moment in one round
 * trip: `Promise.all` over what does not need each other's answers.
 */
export type OrgTx = Omit<Prisma.TransactionClient, '$queryRawUnsafe' | '$executeRawUnsafe'> & {
  readonly orgId: string
  /** What `gathered` keeps for the end of this unit of work */
  readonly gathered: Map<symbol, unknown>
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
export interface Told {
  /** Leaves together with the commit */
  statement: Promise<unknown>
  /** Called after the commit */
  committed(): void
}

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
  private readonly models = new Models()
  /** Called in every unit of work when its work is done: what follows from it in the same transaction */
  beforeCommit: (tx: OrgTx) => Promise<void> = async () => undefined
  /** Called in every unit of work last of all; null where it has nothing to tell */
  tellOthers: (tx: OrgTx) => Told | null = () => null

  constructor(options: DatabaseOptions) {
    this.pool = openPool(options, 'parley_app', options.poolSize)
    this.systemPool = openPool(options, 'parley_system', systemPoolSize)
  }

  /**
   * Runs `work` as one transaction that sees the rows of one organization. It may run again after a deadlock, so it
   * must do nothing but work in `tx`.
   */
  async inOrg<Result>(scope: string | WorkScope, work: (tx: OrgTx) => Promise<Result>): Promise<Result> {
    const whole = typeof scope === 'string' ? { orgId: scope } : scope
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt(whole, work)
      } catch (error) {
        if (attempt === maxTries || !isPassingConflict(error)) throw error
      }
    }
  }

  private async attempt<Result>(
    { orgId, lock, beforeCommit }: WorkScope,
    work: (tx: OrgTx) => Promise<Result>,
  ): Promise<Result> {
    const { result, told } = await inTransaction(this.pool, async (connection) => {
      const entered = unheard(tell(connection, enterOrg(orgId, lock)))
      const { tx, end } = openUnit(orgId, connection, this.models)
      try {
        const result = await work(tx)
        await this.beforeCommit(tx)
        await beforeCommit?.(tx, result)
        const told = this.tellOthers(tx)
        const unanswered = [entered, ...leftForTheEnd(tx), told?.statement ?? null]
        return { result: { result, told }, unanswered }
      } catch (error) {
        // Where one of these failed, the work failed for it
        await Promise.all([entered, ...leftForTheEnd(tx)])
        throw error
      } finally {
        end()
      }
    })
    told?.committed()
    return result
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
    await this.models.close()
    await this.systemPool.end()
    if (!this.pool.ended) await this.pool.end()
  }
}

const systemPoolSize = 3
