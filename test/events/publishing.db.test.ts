import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService

beforeAll(async () => {
  service = await startService({ idle: true })
})
afterAll(() => service.close())

/** One batch, in the order of positions. */
async function publish(batchSize: number): Promise<{ position: number; type: string }[]> {
  const rows = await runSql<{ position: string; type: string }>(
    service,
    'SELECT position, type FROM publish_events($1, false) ORDER BY position',
    [batchSize],
  )
  return rows.map(({ position, type }) => ({ position: Number(position), type }))
}

it('a batch takes whole entries until it is full, at least one, and gives them positions without a gap', async () => {
  const org = await TestOrganization.create(service)
  while ((await publish(500)).length > 0);
  for (const [name, events] of [
    ['first', 3],
    ['second', 4],
    ['third', 20],
    ['last', 1],
  ])
    await runSql(
      service,
      `WITH entry AS (INSERT INTO outbox (org_id, events, at) VALUES ($1, $2, now()) RETURNING id)
       INSERT INTO events (org_id, entry, ordinal, type, data, at)
       SELECT $1, id, n, $3, '{}', now() FROM entry, generate_series(1, $2) n`,
      [org.id, events, name],
    )
  const [relay] = await runSql<{ position: string }>(service, 'SELECT position FROM relay')
  const before = Number(relay?.position)

  const batches = [await publish(5), await publish(5), await publish(5), await publish(5)]

  const names = (name: string, count: number) => Array.from({ length: count }, () => name)
  expect(batches.map((batch) => batch.map(({ type }) => type))).toEqual([
    [...names('first', 3), ...names('second', 4)],
    names('third', 20),
    ['last'],
    [],
  ])
  expect(batches.flat().map(({ position }) => position - before)).toEqual(
    Array.from({ length: 28 }, (_, index) => index + 1),
  )
})
