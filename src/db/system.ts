import type { Database, SystemTx } from './database.js'

/** The key to `Database`'s work across organizations. Whoever imports this file is named in .dependency-cruiser.cjs. */
export const systemAccess = Symbol('work across organizations')

/**
 * Runs `work` as one transaction across organizations, with the few rights that the migrations give to parley_system.
 * For the relay, the feed, the sweep and what the operator sees; nothing else gets through this door.
 */
export const inSystem = <Result>(db: Database, work: (tx: SystemTx) => Promise<Result>): Promise<Result> =>
  db[systemAccess](work)
