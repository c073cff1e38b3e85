import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.js'
import { runSql } from '../support/sql.js'

/** Made by hand, and of no use to the generated client. */
const handmade = ['_prisma_migrations', 'relay']

let migrated: TestDatabase
let modelled: TestDatabase

beforeAll(async () => {
  migrated = await createTestDatabase()
  modelled = await createEmptyDatabase()
  const { stdout } = await promisify(execFile)('node', ['scripts/draft-migration.mjs'])
  await runSql({ databaseUrl: modelled.url }, stdout)
}, 60_000)

afterAll(() => Promise.all([migrated.drop(), modelled.drop()]))

/** The same question to both: what the migrations made, and what the model says. */
async function both(sql: string): Promise<[migrated: unknown[], modelled: unknown[]]> {
  const ask = ({ url }: TestDatabase) => runSql({ databaseUrl: url }, sql, [handmade])
  return [await ask(migrated), await ask(modelled)]
}

it('prisma/schema.prisma has the columns that the migrations make, with their types and defaults', async () => {
  const [fromMigrations, fromModel] = await both(
    `SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
       pg_get_expr(d.adbin, d.adrelid) AS default
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname <> ALL ($1) ORDER BY 1, 2`,
  )

  expect(fromModel.length).toBeGreaterThan(150)
  expect(fromMigrations).toEqual(fromModel)
})

it('prisma/schema.prisma has the enumerations that the migrations make', async () => {
  const [fromMigrations, fromModel] = await both(
    `SELECT t.typname AS name, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS values
     FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE $1::text[] IS NOT NULL GROUP BY 1 ORDER BY 1`,
  )

  expect(fromModel.length).toBeGreaterThan(10)
  expect(fromMigrations).toEqual(fromModel)
})

it('every key and index of prisma/schema.prisma is made by a migration; others may be made by hand', async () => {
  const [fromMigrations, fromModel] = await both(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
     WHERE schemaname = 'public' AND tablename <> ALL ($1) ORDER BY 1`,
  )

  expect(fromModel.length).toBeGreaterThan(30)
  expect(fromMigrations).toEqual(expect.arrayContaining(fromModel))
})
