import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { migrate } from '../../src/db/migrate.js'
import { newId } from '../../src/lib/ids.js'
import { createEmptyDatabase } from '../support/database.js'
import { eventually, startService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const migrations = join('prisma', 'migrations')
const change = '20261122060000_events_by_entry'

it('events that were written before entries had positions are heard with the positions that they had, and those without are published', async () => {
  const database = await createEmptyDatabase()
  const earlier = await mkdtemp(join(tmpdir(), 'parley-earlier-'))
  for (const name of (await readdir(migrations)).filter((each) => each < change))
    await cp(join(migrations, name), join(earlier, name), { recursive: true })
  await migrate(database.url, { directory: earlier })
  const orgId = newId()
  const place = { databaseUrl: database.url }
  await runSql(
    place,
    `INSERT INTO organizations (id, name, created_at, updated_at) VALUES ($1, 'Older', now(), now())`,
    [orgId],
  )
  await runSql(
    place,
    `INSERT INTO events (org_id, id, type, data, at, position)
     SELECT $1, gen_random_uuid(), 'conversation.linked', jsonb_build_object('n', n), now(), position
     FROM (VALUES (1, 8), (2, 7), (3, null)) AS written(n, position)`,
    [orgId],
  )
  await runSql(place, 'UPDATE relay SET position = 8')

  await migrate(database.url, { directory: migrations })
  const service = await startService(place)
  await eventually(
    () => runSql(place, 'SELECT 1 FROM outbox WHERE position IS NULL'),
    (rows) => rows.length === 0,
  )
  const heard = await service.parts.feed.missed(orgId, 0n, 100n)

  expect(heard.map(({ position, data }) => [Number(position), JSON.parse(data).n])).toEqual([
    [7, 2],
    [8, 1],
    [9, 3],
  ])
  await service.close()
  await database.drop()
  await rm(earlier, { recursive: true })
})
