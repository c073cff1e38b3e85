import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migrate } from '../../src/db/migrate.js'
import { startEmbeddedPostgres } from '../../src/embedded/postgres-server.js'
import { startTestRedis } from './redis.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The maintenance database of the throw-away server, as its superuser. */
    postgresUrl: string
    /** Null where this machine has no redis-server. */
    redisUrl: string | null
  }
}

const templateDatabase = 'parley_template'

/**
 * The folder that the schema is made from in place of this version's: `npm run test:previous-release` runs the previous
 * release's tests with it on the newer schema. Its name must not change: a release has it for good.
 */
const migrationsOf = process.env['PARLEY_TEST_MIGRATIONS']

/** Durability is given up for speed: nothing here outlives the run. */
const settings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '200',
  autovacuum_naptime: '60s',
  // %d: one log for the databases of all tests (plans.ts)
  log_line_prefix: '%m [%p] %d ',
}

/** One PostgreSQL (and one Redis, where there is one) for the run; every test file clones its database from the template. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-test-'))
  // Where the run is root's, the server may have to be another user's.
  await chmod(dataDir, 0o711)
  const server = await startEmbeddedPostgres({ dataDir, settings })
  const redis = await startTestRedis()
  await prepareTemplate(server.url)
  project.provide('postgresUrl', server.url)
  project.provide('redisUrl', redis?.url ?? null)
  return async () => {
    await redis?.stop()
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function prepareTemplate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`CREATE DATABASE ${templateDatabase}`)
  await client.end()
  const template = new URL(url)
  template.pathname = templateDatabase
  await migrate(template.href, migrationsOf ? { directory: migrationsOf } : {})
}
