import type pg from 'pg'
import type { OrgTx } from './database.js'
import { Prisma } from './generated/client.js'
import type { Models } from './models.js'
import { ask, tell } from './statements.js'

/** Takes the role and the organization, and the lock where one is asked for: all in one round trip. */
export function enterOrg(orgId: string, lock: string | undefined): Prisma.Sql {
  const entered = Prisma.sql`set_config('role', 'parley_app', true), set_config('app.org_id', ${orgId}, true)`
  return lock
    ? Prisma.sql`SELECT ${entered}, pg_advisory_xact_lock(hashtextextended(${`${lock} ${orgId}`}, 0))`
    : Prisma.sql`SELECT ${entered}`
}

/** A unit of work on this connection: statements written by hand go straight to it, models by way of Prisma. */
export function openUnit(
  orgId: string,
  connection: pg.PoolClient,
  models: Models,
): { tx: OrgTx; end(): void } {
  let isOver = false
  const refuseLate = () => {
    if (isOver) throw new Error('A statement came after the end of its unit of work')
  }
  const send =
    <Answer>(how: (on: pg.PoolClient, query: Prisma.Sql) => Promise<Answer>) =>
    async (...query: SqlCall): Promise<Answer> => {
      refuseLate()
      return how(connection, sqlOf(query))
    }
  let asked: Promise<Prisma.TransactionClient> | null = null
  let endModels: () => void = () => undefined
  const askModels = async () => {
    refuseLate()
    asked ??= models.open(
      async (query) => {
        refuseLate()
        return connection.query(query)
      },
      new Promise((resolve) => {
        endModels = resolve
      }),
    )
    return asked
  }
  const tx = Object.create(modelsOnDemand, {
    orgId: { value: orgId },
    gathered: { value: new Map() },
    [modelsOf]: { value: askModels },
    $queryRaw: { value: send(ask) },
    $executeRaw: { value: send(tell) },
  }) as OrgTx
  const end = () => {
    isOver = true
    endModels()
  }
  return { tx, end }
}

type SqlCall = [text: Prisma.Sql | readonly string[], ...values: unknown[]]

const sqlOf = ([text, ...values]: SqlCall): Prisma.Sql =>
  text instanceof Prisma.Sql ? text : Prisma.sql(text, ...values)

const modelsOf = Symbol('Prisma’s models in this unit of work')

interface WithModels {
  [modelsOf](): Promise<Prisma.TransactionClient>
}

type Calls = Record<string, (...args: unknown[]) => unknown>

/** What a unit of work inherits: `tx.contact.findMany(…)` opens Prisma's part of it at the first of such calls. */
const modelsOnDemand = Object.defineProperties(
  {},
  Object.fromEntries(
    Object.values(Prisma.ModelName).map((name) => {
      const model = `${name.charAt(0).toLowerCase()}${name.slice(1)}`
      return [model, { get: callsOf(model) }]
    }),
  ),
)

function callsOf(model: string) {
  return function calls(this: WithModels): Calls {
    const call =
      (method: string) =>
      async (...args: unknown[]) => {
        const models = (await this[modelsOf]()) as unknown as Record<string, Calls>
        return models[model]?.[method]?.(...args)
      }
    return new Proxy({}, { get: (_target, method) => call(String(method)) })
  }
}
