import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { atTheEnd } from '../../src/db/at-the-end.js'
import { Database, type OrgTx } from '../../src/db/database.js'
import { emit } from '../../src/events/outbox.js'
import { openWire } from '../support/fault-points.js'
import { TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService
let orgId: string

beforeAll(async () => {
  service = await startService({ idle: true })
  orgId = (await TestOrganization.create(service, 'units')).id
})

afterAll(async () => {
  await service.close()
})

const addContact = (tx: OrgTx, contact: string, name: string) => tx.$executeRaw`
  INSERT INTO contacts (org_id, id, name, attributes, active, created_at, updated_at)
  VALUES (${tx.orgId}::uuid, ${contact}::uuid, ${name}, '{}', true, now(), now())`

const names = () =>
  service.parts.db.inOrg(orgId, async (tx) => {
    const rows = await tx.$queryRaw<{ name: string }[]>`SELECT name FROM contacts ORDER BY name`
    return rows.map(({ name }) => name)
  })

const id = (last: number) => `00000000-0000-7000-8000-00000000000${last}`

/** The same server, with a count of how often the client spoke after it had heard something. */
async function watchTurns(databaseUrl: string) {
  let turns = 0
  let isAnswered = true
  const url = new URL(databaseUrl)
  const wire = await openWire({ host: url.hostname, port: Number(url.port) }, () => ({
    fromClient: (chunk) => {
      if (isAnswered) turns++
      isAnswered = false
      return chunk
    },
    fromServer: (chunk) => {
      isAnswered = true
      return chunk
    },
  }))
  url.host = `127.0.0.1:${wire.port}`
  return { url: url.href, turns: () => turns, close: wire.close }
}

describe('a unit of work', () => {
  it('sees what Prisma wrote and what was written by hand, in one transaction', async () => {
    const seen = await service.parts.db.inOrg(orgId, async (tx) => {
      await addContact(tx, id(1), 'By hand')
      const found = await tx.contact.findMany({ where: { id: id(1) } })
      await tx.contact.updateMany({ where: { id: id(1) }, data: { name: 'By Prisma' } })
      const [row] = await tx.$queryRaw<
        { name: string }[]
      >`SELECT name FROM contacts WHERE id = ${id(1)}::uuid`
      return [found[0]?.name, row?.name]
    })

    expect(seen).toEqual(['By hand', 'By Prisma'])
    expect(await names()).toEqual(['By Prisma'])
  })

  it('that sends several statements at once fails with the first fault, and leaves nothing', async () => {
    const work = service.parts.db.inOrg(orgId, (tx) =>
      Promise.all([
        addContact(tx, id(2), 'Before'),
        tx.$executeRaw`SELECT 1 / 0`,
        addContact(tx, id(3), 'After'),
      ]),
    )

    await expect(work).rejects.toThrow('division by zero')
    expect(await names()).toEqual(['By Prisma'])
  })

  it('refuses a statement that comes after its end, whoever has its connection by then', async () => {
    let kept: OrgTx | undefined
    await service.parts.db.inOrg(orgId, async (tx) => {
      kept = tx
    })

    const late = addContact(kept as OrgTx, id(4), 'Late')

    await expect(late).rejects.toThrow('after the end of its unit of work')
    expect(await names()).toEqual(['By Prisma'])
  })

  it('refuses a model that is asked after its end', async () => {
    let kept: OrgTx | undefined
    await service.parts.db.inOrg(orgId, async (tx) => {
      kept = tx
      await tx.contact.count()
    })

    const late = (kept as OrgTx).contact.deleteMany({})

    await expect(late).rejects.toThrow('after the end of its unit of work')
    expect(await names()).toEqual(['By Prisma'])
  })

  it('does not say that it is done where a statement failed and nobody minded', async () => {
    const work = service.parts.db.inOrg(orgId, async (tx) => {
      await addContact(tx, id(7), 'Lost')
      await tx.$executeRaw`SELECT 1 / 0`.catch(() => undefined)
    })

    await expect(work).rejects.toThrow('nothing was kept')
    expect(await names()).toEqual(['By Prisma'])
  })

  it('does not wait for what it leaves for the end, and fails with its fault', async () => {
    const work = service.parts.db.inOrg(orgId, async (tx) => {
      atTheEnd(tx, addContact(tx, id(8), 'Left'), tx.$executeRaw`SELECT 1 / 0`)
    })

    await expect(work).rejects.toThrow('division by zero')
    expect(await names()).toEqual(['By Prisma'])
  })

  it('says what failed first where a later statement failed for it', async () => {
    const work = service.parts.db.inOrg(orgId, async (tx) => {
      atTheEnd(tx, tx.$executeRaw`SELECT 1 / 0`)
      await tx.contact.count()
    })

    await expect(work).rejects.toThrow('division by zero')
  })

  it('of one question takes two round trips: the beginning goes with it, what is written with the end', async () => {
    const watched = await watchTurns(service.databaseUrl)
    const db = new Database({ url: watched.url, poolSize: 1, onPoolError: () => undefined })
    db.tellOthers = (tx) => ({ statement: tx.$executeRaw`SELECT 'an event'`, committed: () => undefined })
    const work = () =>
      db.inOrg(orgId, async (tx) => {
        await tx.$queryRaw`SELECT name FROM contacts`
        atTheEnd(tx, tx.$executeRaw`UPDATE contacts SET name = name`)
      })
    try {
      await work()
      const before = watched.turns()
      await work()

      expect(watched.turns() - before).toBe(2)
    } finally {
      await db.close()
      await watched.close()
    }
  })

  it('leaves nothing where its events cannot be written, and says why', async () => {
    const work = service.parts.db.inOrg(orgId, async (tx) => {
      await addContact(tx, id(5), 'Untold')
      emit(tx, [{ type: 'routing.wanted', at: new Date(), queueId: 'no uuid', agentIds: [], data: {} }])
    })

    await expect(work).rejects.toThrow('invalid input syntax for type uuid')
    expect(await names()).toEqual(['By Prisma'])
  })

  it('writes all of its events as one entry, in their order', async () => {
    const event = { at: new Date(), queueId: null, agentIds: [], data: {} }
    await service.parts.db.inOrg(orgId, async (tx) => {
      emit(tx, [{ ...event, type: 'media.wanted' }])
      await addContact(tx, id(6), 'Told')
      emit(tx, [
        { ...event, type: 'routing.wanted' },
        { ...event, type: 'bulk_action.wanted' },
      ])
      await tx.contact.deleteMany({ where: { id: id(6) } })
    })

    const entries = await runSql<{ events: number; types: string[] }>(
      service,
      `SELECT o.events, array_agg(e.type ORDER BY e.ordinal) AS types FROM outbox o
       JOIN events e ON e.org_id = o.org_id AND e.entry = o.id WHERE o.org_id = $1 GROUP BY o.id, o.events ORDER BY o.id DESC LIMIT 1`,
      [orgId],
    )
    expect(entries).toEqual([{ events: 3, types: ['media.wanted', 'routing.wanted', 'bulk_action.wanted'] }])
  })

  it('keeps to its own connection while many run at once', async () => {
    const other = (await TestOrganization.create(service, 'others')).id

    const seen = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        service.parts.db.inOrg(index % 2 ? orgId : other, async (tx) => {
          const [row] = await tx.$queryRaw<{ org: string; role: string; backend: number }[]>`
            SELECT current_setting('app.org_id') AS org, current_user::text AS role, pg_backend_pid() AS backend`
          const contacts = await tx.contact.count()
          const [again] = await tx.$queryRaw<{ backend: number }[]>`SELECT pg_backend_pid() AS backend`
          return [row?.org === tx.orgId, row?.role, contacts, again?.backend === row?.backend]
        }),
      ),
    )

    for (const [index, found] of seen.entries())
      expect(found).toEqual([true, 'parley_app', index % 2 ? 1 : 0, true])
  })
})
