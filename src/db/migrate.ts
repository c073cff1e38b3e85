import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

export type MigrateOptions = {
  log?: { info: (fields: object, message: string) => void; warn: (fields: object, message: string) => void }
  /** Folders `<timestamp>_<name>`, each with a migration.sql. */
  directory?: string
}

type Migration = { name: string; sql: string; checksum: string }
type Applied = { migration_name: string; checksum: string; finished: boolean }

/** The same depth from src/db and from dist/db. */
const defaultDirectory = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

/** The number that Prisma's own `migrate deploy` locks, so that it and we exclude each other. */
const lockNumber = 72_707_369

/**
 * A change of a table waits for whatever is at work on it, and everything after it waits behind the change: a dump that runs
 * must not stop the service for as long as it takes.
 */
const lockPatience = '5s'
const lockNotAvailable = '55P03'

/** As Prisma 7 makes it (schema-engine, sql migration persistence): its commands read and extend our record. */
const recordTable = `
CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id"                    VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum"              VARCHAR(64) NOT NULL,
    "finished_at"           TIMESTAMPTZ,
    "migration_name"        VARCHAR(255) NOT NULL,
    "logs"                  TEXT,
    "rolled_back_at"        TIMESTAMPTZ,
    "started_at"            TIMESTAMPTZ NOT NULL DEFAULT now(),
    "applied_steps_count"   INTEGER NOT NULL DEFAULT 0
)`

/**
 * Brings the database at `url` to this version's schema and answers the names of the migrations that were
 * applied now. Any number of processes may call it at once: one works, the others wait and find it done.
 * Each migration is one transaction; a failed one leaves nothing, and one that cannot have a table within five seconds
 * fails, for those who work with the table would wait behind it. Throws where an applied migration was
 * changed afterwards, or one that Prisma's command began is unfinished. Migrations of a newer version are
 * only warned of: a newer process may run beside us during a rollout.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const migrations = await readMigrations(options.directory ?? defaultDirectory)
  const client = new pg.Client({ connectionString: url, application_name: 'parley-migrate' })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [lockNumber])
    const pending = await findPending(client, migrations, options.log)
    for (const migration of pending) {
      await apply(client, migration)
      options.log?.info({ migration: migration.name }, 'migration applied')
    }
    return pending.map(({ name }) => name)
  } finally {
    // Ends the session, and with it the advisory lock.
    await client.end()
  }
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  return await Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(directory, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

async function findPending(
  client: pg.Client,
  migrations: readonly Migration[],
  log: MigrateOptions['log'],
): Promise<Migration[]> {
  await client.query(recordTable)
  const { rows } = await client.query<Applied>(
    `SELECT migration_name, checksum, finished_at IS NOT NULL AS finished
       FROM "_prisma_migrations" WHERE rolled_back_at IS NULL ORDER BY started_at`,
  )
  const known = new Map(migrations.map((migration) => [migration.name, migration]))
  for (const row of rows) {
    refuseUnfinished(row)
    const migration = known.get(row.migration_name)
    if (migration) refuseChanged(row, migration)
    else log?.warn({ migration: row.migration_name }, 'the database has a migration of a newer version')
  }
  const applied = new Set(rows.map((row) => row.migration_name))
  return migrations.filter(({ name }) => !applied.has(name))
}

function refuseUnfinished(row: Applied): void {
  if (row.finished) return
  throw new Error(
    `The migration ${row.migration_name} was begun by another program and did not finish. Look at the database, then ` +
      'mark it with "npx prisma migrate resolve" (--applied or --rolled-back) and start again.',
  )
}

function refuseChanged(row: Applied, migration: Migration): void {
  if (row.checksum === migration.checksum) return
  throw new Error(
    `The migration ${migration.name} was changed after it had been applied to this database. ` +
      'Restore prisma/migrations from the version that applied it; a change belongs in a new migration.',
  )
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const startedAt = new Date()
  await client.query('BEGIN')
  await client.query(`SET LOCAL lock_timeout = '${lockPatience}'`)
  try {
    await client.query(migration.sql)
    await client.query(
      `INSERT INTO "_prisma_migrations"
         (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, $4, clock_timestamp(), 1)`,
      [randomUUID(), migration.checksum, migration.name, startedAt],
    )
    await client.query('COMMIT')
  } catch (cause) {
    await client.query('ROLLBACK')
    const detail = explain(cause)
    throw new Error(`The migration ${migration.name} failed and was rolled back: ${detail}`, { cause })
  }
}

function explain(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (!('code' in cause) || cause.code !== lockNotAvailable) return cause.message
  return `for ${lockPatience} something else was at work on a table (a dump, a report). Start again when it is done.`
}
