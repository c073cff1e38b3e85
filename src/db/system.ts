import type { Database } from './database.js'
import type { Prisma } from './generated/client.js'

/** The key to `Database`'s work across organizations. Whoever imports this file is named in .dependency-cruiser.cjs. */
export const systemAccess = Symbol('work across organizations')

/**
 * One statement across organizations, as a transaction of its own, with the few rights that the migrations give to
 * parley_system. For the relay, the feed, the sweep and what the operator sees; nothing else gets through this door.
 */
export const askSystem = <Row>(db: Database, query: Prisma.Sql): Promise<Row[]> =>
  db[systemAccess]<Row>(query)
