import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { migrate } from '../../src/db/migrate.js'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.js'

let directory: string
let database: TestDatabase

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-migrations-'))
  database = await createEmptyDatabase()
})

afterEach(async () => {
  await database.drop()
  await rm(directory, { recursive: true })
})

async function write(name: string, sql: string): Promise<void> {
  await mkdir(join(directory, name), { recursive: true })
  await writeFile(join(directory, name, 'migration.sql'), sql)
}

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

describe('migrations', () => {
  it('are applied once and in the order of their names', async () => {
    await write('20260102000000_second', 'ALTER TABLE first ADD COLUMN b integer;')
    await write('20260101000000_first', 'CREATE TABLE first (a integer);')

    const applied = await migrate(database.url, { directory })
    const appliedAgain = await migrate(database.url, { directory })

    expect(applied).toEqual(['20260101000000_first', '20260102000000_second'])
    expect(appliedAgain).toEqual([])
  })

  it('are recorded with the checksum that Prisma computes', async () => {
    await write('20260101000000_first', 'CREATE TABLE first (a integer);')

    await migrate(database.url, { directory })

    expect(
      await query(
        `SELECT migration_name, checksum, applied_steps_count AS steps, finished_at IS NOT NULL AS finished,
                rolled_back_at, logs, checksum = encode(sha256('CREATE TABLE first (a integer);'), 'hex') AS same
           FROM _prisma_migrations`,
      ),
    ).toEqual([
      {
        migration_name: '20260101000000_first',
        checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
        steps: 1,
        finished: true,
        rolled_back_at: null,
        logs: null,
        same: true,
      },
    ])
  })

  it('of several processes that start at once are applied by one of them', async () => {
    await write('20260101000000_first', 'CREATE TABLE first (a integer); SELECT pg_sleep(0.2);')

    const results = await Promise.all([1, 2, 3].map(() => migrate(database.url, { directory })))

    expect(results.flat()).toEqual(['20260101000000_first'])
  })

  it('that were changed after they had been applied are refused by name', async () => {
    await write('20260101000000_first', 'CREATE TABLE first (a integer);')
    await migrate(database.url, { directory })
    await write('20260101000000_first', 'CREATE TABLE first (a bigint);')

    const second = migrate(database.url, { directory })

    await expect(second).rejects.toThrow(/20260101000000_first was changed after it had been applied/)
  })

  it('that fail leave nothing behind and name the reason', async () => {
    await write('20260101000000_first', 'CREATE TABLE first (a integer); SELECT * FROM missing;')

    const result = migrate(database.url, { directory })

    await expect(result).rejects.toThrow(/20260101000000_first failed and was rolled back: .*"missing"/)
    expect(await query(`SELECT to_regclass('first') AS found`)).toEqual([{ found: null }])
    expect(await query('SELECT * FROM _prisma_migrations')).toEqual([])
  })

  it('of a newer version that runs beside this one are only warned of', async () => {
    await write('20260101000000_first', 'CREATE TABLE first (a integer);')
    await write('20260102000000_newer', 'CREATE TABLE newer (a integer);')
    await migrate(database.url, { directory })
    await rm(join(directory, '20260102000000_newer'), { recursive: true })
    const log = { info: vi.fn(), warn: vi.fn() }

    const applied = await migrate(database.url, { directory, log })

    expect(applied).toEqual([])
    expect(log.warn).toHaveBeenCalledWith({ migration: '20260102000000_newer' }, expect.any(String))
  })

  it('that cannot have a table at once fail before all who work with it wait behind them', async () => {
    await write('20260101000000_first', 'CREATE TABLE first (a integer);')
    await migrate(database.url, { directory })
    await write('20260102000000_second', 'ALTER TABLE first ADD COLUMN b integer;')
    const dump = new pg.Client({ connectionString: database.url })
    await dump.connect()
    await dump.query('BEGIN; SELECT * FROM first')

    const result = migrate(database.url, { directory })

    await expect(result).rejects.toThrow(
      /20260102000000_second failed .* something else was at work on a table/,
    )
    await dump.end()
    expect(await migrate(database.url, { directory })).toEqual(['20260102000000_second'])
  })

  it('that another program left unfinished stop the start', async () => {
    await write('20260101000000_first', 'CREATE TABLE first (a integer);')
    await migrate(database.url, { directory })
    await query('UPDATE _prisma_migrations SET finished_at = NULL')

    const result = migrate(database.url, { directory })

    await expect(result).rejects.toThrow(/20260101000000_first was begun by another program/)
  })

  it('of this version are all in the database that the tests use', async () => {
    const migrated = await createTestDatabase()

    const applied = await migrate(migrated.url)

    expect(applied).toEqual([])
    await migrated.drop()
  })
})
