import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { EventType } from '../../src/events/event-types.js'
import type { FeedEvent } from '../../src/events/feed.js'
import { emit } from '../../src/events/outbox.js'
import { TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { openSql, runSql, whileAnotherPublishes } from '../support/sql.js'

let service: TestService
let org: TestOrganization

// No relay runs in it: what is published was published by its own commit, or by hand
beforeAll(async () => {
  service = await startService({ idle: true })
  org = await TestOrganization.create(service)
})
afterAll(() => service.close())

const publishAll = () => runSql(service, 'SELECT 1 FROM publish_events(500, false)')

/** A unit of work with these events. */
const happen = (...types: EventType[]) =>
  service.parts.db.inOrg(org.id, async (tx) =>
    emit(
      tx,
      types.map((type) => ({ type, at: new Date(), queueId: null, agentIds: [], data: {} })),
    ),
  )

async function lastPosition(): Promise<number> {
  const [relay] = await runSql<{ position: string }>(service, 'SELECT position FROM relay')
  return Number(relay?.position)
}

/** The positions of what was written after this one, in the order in which it was written. */
async function positionsSince(before: number): Promise<(number | null)[]> {
  const rows = await runSql<{ position: string | null }>(
    service,
    'SELECT position FROM outbox WHERE position IS NULL OR position > $1 ORDER BY id',
    [before],
  )
  return rows.map(({ position }) => (position === null ? null : Number(position) - before))
}

describe('what happens at a free moment', () => {
  let before: number
  beforeEach(async () => {
    while ((await publishAll()).length > 0);
    before = await lastPosition()
  })

  it('is published by its own commit', async () => {
    await happen('conversation.opened', 'message.received', 'conversation.queued')
    await happen('conversation.closed')

    expect(await positionsSince(before)).toEqual([3, 4])
    expect(await lastPosition()).toBe(before + 4)
  })

  it('is heard as it was written, without being read', async () => {
    const heard: FeedEvent[] = []
    const hear = (event: FeedEvent) => void heard.push(event)
    const { feed } = service.parts
    await feed.subscribe(org.id, hear)
    const queueId = '0198a8b0-0000-7000-8000-000000000001'
    const agentIds = ['0198a8b0-0000-7000-8000-000000000002', '0198a8b0-0000-7000-8000-000000000003']

    await service.parts.db.inOrg(org.id, async (tx) =>
      emit(tx, [
        {
          type: 'message.noted',
          at: new Date(),
          queueId,
          toMembers: true,
          agentIds,
          data: { message: { text: '“Zoë” \\ 1\n' } },
        },
        {
          type: 'message.read',
          at: new Date(),
          queueId: null,
          agentIds: [],
          data: { message: { price: 0.1 } },
        },
      ]),
    )
    // Too soon for a question to the database
    await new Promise(setImmediate)
    feed.unsubscribe(org.id, hear)

    expect(await feed.missed(org.id, BigInt(before), BigInt(before + 2))).toEqual(heard)
    expect(heard.map(({ position }) => Number(position) - before)).toEqual([1, 2])
  })

  it('wakes the lanes that it concerns', async () => {
    const { jobs } = service.parts
    const { bulk = 0 } = await jobs.depths()

    await happen('bulk_action.wanted')

    await eventually(
      () => jobs.depths(),
      ({ bulk: now }) => now === bulk + 1,
    )
  })

  it('takes no position where it fails', async () => {
    const failing = service.parts.db.inOrg({ orgId: org.id }, async (tx) => {
      emit(tx, [{ type: 'routing.wanted', at: new Date(), queueId: 'no uuid', agentIds: [], data: {} }])
    })
    await expect(failing).rejects.toThrow('invalid input syntax for type uuid')

    await happen('routing.wanted')

    expect(await positionsSince(before)).toEqual([1])
  })

  it('comes after what was written before and waits to be published', async () => {
    await runSql(service, 'INSERT INTO outbox (org_id, events, at) VALUES ($1, 1, now())', [org.id])

    await happen('conversation.closed')
    const waiting = await positionsSince(before)
    await publishAll()

    expect(waiting).toEqual([null, null])
    expect(await positionsSince(before)).toEqual([1, 2])
  })

  it('is left to the relay where it is much, for it would keep others from publishing', async () => {
    await happen(...Array.from({ length: 101 }, () => 'message.received' as const))

    expect(await positionsSince(before)).toEqual([null])
  })

  it('waits for nobody: while another publishes it is left to the relay', async () => {
    const waiting = await whileAnotherPublishes(service, async () => {
      await happen('conversation.closed')
      return positionsSince(before)
    })
    await publishAll()

    expect(waiting).toEqual([null])
    expect(await positionsSince(before)).toEqual([1])
  })

  it('becomes visible before anything with a higher position', async () => {
    const slow = await openSql(service)
    await slow.query('BEGIN')
    await slow.query(
      'INSERT INTO outbox (org_id, events, at, position) VALUES ($1, 2, now(), take_position(2))',
      [org.id],
    )
    await happen('conversation.closed')

    let isPublished = false
    const publishing = publishAll().then(() => {
      isPublished = true
    })
    await eventually(
      () =>
        runSql(
          service,
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%publish_events(500%'`,
        ),
      (waiting) => waiting.length === 1,
    )
    const [wasPublished, seen] = [isPublished, await positionsSince(before)]
    await slow.query('COMMIT')
    await slow.end()
    await publishing

    expect([wasPublished, seen]).toEqual([false, [null]])
    expect(await positionsSince(before)).toEqual([2, 3])
  })
})
