import { afterAll, beforeAll, expect, it } from 'vitest'
import { Sweep } from '../../src/jobs/sweep.js'
import { systemClock } from '../../src/lib/clock.js'
import { TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService
beforeAll(async () => {
  service = await startService({ idle: true })
})
afterAll(() => service.close())

/** Tables of which PostgreSQL knows nothing: -1 until the first ANALYZE. */
const unknownOf = async (...names: string[]) => {
  const rows = await runSql<{ name: string }>(
    service,
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND reltuples < 0
       AND relname = ANY ($1) ORDER BY 1`,
    [names],
  )
  return rows.map(({ name }) => name)
}

it('a new table is known from its first rows on, not from autovacuum’s next round', async () => {
  const { id } = await TestOrganization.create(service)
  await runSql(
    service,
    `INSERT INTO contacts (org_id, id, name, attributes, active, created_at, updated_at)
     SELECT $1, gen_random_uuid(), 'Customer ' || n, '{}', true, now(), now() FROM generate_series(1, 300) n`,
    [id],
  )

  const { db, jobs, log } = service.parts
  await new Sweep({ db, jobs, log, clock: systemClock }).once()

  // One that is empty stays unknown: there is nothing to know
  expect(await unknownOf('contacts', 'bulk_actions')).toEqual(['bulk_actions'])
})
