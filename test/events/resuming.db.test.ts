import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FeedEvent } from '../../src/events/feed.js'
import { EventListener, type HeardEvent } from '../support/event-listener.js'
import { TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { openSql, runSql } from '../support/sql.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

/** As any unit of work writes it: so many events as one entry of the outbox */
const entryOf = (events: string) =>
  `INSERT INTO outbox (org_id, events, at) VALUES ($1, ${events}, now()) RETURNING id`
const insertEvent = `WITH entry AS (${entryOf('1')})
  INSERT INTO events (org_id, entry, ordinal, type, data, at)
  SELECT $1, id, 1, 'conversation.linked', $2, now() FROM entry`

const nameOf = ({ data }: HeardEvent): string => data.conversation?.name

/** An event as any unit of work writes it, with a name to be told by. */
const publish = (org: TestOrganization, name: string) =>
  runSql(service, insertEvent, [org.id, { type: 'conversation.linked', conversation: { name } }])

/** Many events as one entry; `bytes` of padding each. */
const publishMany = (org: TestOrganization, count: number, bytes: number) =>
  runSql(
    service,
    `WITH entry AS (${entryOf('$2')})
     INSERT INTO events (org_id, entry, ordinal, type, data, at)
     SELECT $1, id, n, 'conversation.linked',
       json_build_object('conversation', json_build_object('name', n::text, 'padding', repeat('x', $3))), now()
     FROM entry, generate_series(1, $2) n`,
    [org.id, count, bytes],
  )

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1))

describe('resuming', () => {
  it('keeps the order where positions get one more digit, live and resumed', async () => {
    const org = await TestOrganization.create(service)
    const live = await EventListener.open(service, org.adminKey)
    await publish(org, '0')
    const first = await live.first(() => true)
    await runSql(service, 'UPDATE relay SET position = 99999850 WHERE position < 99999850')

    await publishMany(org, 300, 1)
    await live.until((events) => events.length === 301)
    const resumed = await EventListener.open(service, org.adminKey, first.id)
    await resumed.until((events) => events.length === 300)

    expect(live.heard.slice(1).map(nameOf)).toEqual(numbers(300))
    expect(resumed.heard.map(nameOf)).toEqual(numbers(300))
    live.stop()
    resumed.stop()
  })

  it('a client that reconnects again and again hears every event once and in order while they are produced', async () => {
    const org = await TestOrganization.create(service)
    const heard: HeardEvent[] = []
    const start = await EventListener.open(service, org.adminKey)
    await publish(org, '0')
    let lastId = (await start.first(() => true)).id
    start.stop()

    let isProducing = true
    const producing = (async () => {
      for (const name of numbers(300)) await publish(org, name)
      isProducing = false
    })()
    while (isProducing || heard.length < 300) {
      const listener = await EventListener.open(service, org.adminKey, lastId)
      await listener.until((events) => events.length > 0)
      listener.stop()
      heard.push(...listener.heard)
      lastId = heard.at(-1)?.id ?? lastId
    }
    await producing

    expect(heard.map(nameOf)).toEqual(numbers(300))
  })

  it('many who reconnect at the same moment all hear everything', async () => {
    const org = await TestOrganization.create(service)
    const start = await EventListener.open(service, org.adminKey)
    await publish(org, '0')
    const { id } = await start.first(() => true)
    start.stop()

    const producing = (async () => {
      for (const name of numbers(100)) await publish(org, name)
    })()
    const listeners = await Promise.all(
      Array.from({ length: 12 }, () => EventListener.open(service, org.adminKey, id)),
    )
    await producing
    await Promise.all(listeners.map((listener) => listener.until((events) => events.length >= 100)))

    for (const listener of listeners) {
      listener.stop()
      expect(listener.heard.map(nameOf)).toEqual(numbers(100))
    }
  })

  it('a client that missed more than a connection holds still gets all of it', async () => {
    const org = await TestOrganization.create(service)
    const start = await EventListener.open(service, org.adminKey)
    await publish(org, '0')
    const { id } = await start.first(() => true)
    start.stop()
    await publishMany(org, 3000, 3000)

    const listener = await EventListener.open(service, org.adminKey, id)
    await listener.until((events) => events.length >= 3000)
    listener.stop()

    expect(listener.heard.map(nameOf)).toEqual(numbers(3000))
  })

  it('a client that comes while half of an entry has been handed out misses none of it', async () => {
    const org = await TestOrganization.create(service)
    const { feed } = service.parts
    const names: string[] = []
    const nameIn = ({ data }: FeedEvent): string => JSON.parse(data).conversation.name
    let replayed: Promise<string[]> | null = null
    const comesLater = async () => {
      const upTo = await feed.subscribe(org.id, ignores)
      return (await feed.missed(org.id, before, upTo)).map(nameIn)
    }
    const ignores = () => undefined
    const hears = (event: FeedEvent) => {
      names.push(nameIn(event))
      if (names.length === 70) replayed = comesLater()
    }
    const before = await feed.subscribe(org.id, hears)

    await publishMany(org, 300, 1)
    await eventually(
      async () => names.length,
      (heard) => heard === 300,
    )

    expect(names).toEqual(numbers(300))
    expect(await replayed).toEqual(numbers(70))
    for (const each of [hears, ignores]) feed.unsubscribe(org.id, each)
  })

  it('a client that names no event hears only what happens from now on', async () => {
    const org = await TestOrganization.create(service)
    const gone = () => undefined
    const leaving = service.parts.feed.subscribe(org.id, gone)
    service.parts.feed.unsubscribe(org.id, gone)
    await leaving
    await publish(org, 'before')
    const unpublished = 'SELECT 1 FROM outbox WHERE org_id = $1 AND position IS NULL'
    await eventually(
      () => runSql(service, unpublished, [org.id]),
      (rows) => rows.length === 0,
    )

    const listener = await EventListener.open(service, org.adminKey)
    await publish(org, 'after')
    await listener.first((event) => nameOf(event) === 'after')
    listener.stop()

    expect(listener.heard.map(nameOf)).toEqual(['after'])
  })

  it('an id that no stream has given is refused', async () => {
    const org = await TestOrganization.create(service)

    const answer = await fetch(`${service.url}/v1/events`, {
      headers: { authorization: `Bearer ${org.adminKey}`, 'last-event-id': 'yesterday' },
    })

    expect(answer.status).toBe(422)
  })
})

describe('order', () => {
  it('an event that commits late with a smaller number is heard, after those that were faster', async () => {
    const org = await TestOrganization.create(service)
    const listener = await EventListener.open(service, org.adminKey)
    const slow = await openSql(service)
    await slow.query('BEGIN')
    await slow.query(insertEvent, [org.id, { conversation: { name: 'slow' } }])
    await publish(org, 'fast')
    await publish(org, 'faster')
    await listener.until((events) => events.length === 2)
    const reconnecting = listener.lastId
    listener.stop()

    await slow.query('COMMIT')
    await slow.end()
    const resumed = await EventListener.open(service, org.adminKey, reconnecting)
    await resumed.first((event) => nameOf(event) === 'slow')
    resumed.stop()

    expect(listener.heard.map(nameOf)).toEqual(['fast', 'faster'])
    expect(resumed.heard.map(nameOf)).toEqual(['slow'])
    const [row] = await runSql<{ count: number }>(
      service,
      `SELECT count(*)::int FROM outbox a JOIN outbox b ON a.id < b.id AND a.position > b.position
       WHERE a.org_id = $1 AND b.org_id = $1`,
      [org.id],
    )
    expect(row?.count).toBe(2)
  })
})

describe('a slow reader', () => {
  it('is cut off and holds up nobody', async () => {
    const org = await TestOrganization.create(service)
    const { hostname, port } = new URL(service.url)
    const slow = connect(Number(port), hostname)
    slow.write(`GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${org.adminKey}\r\n\r\n`)
    await new Promise((resolve) => slow.once('readable', resolve))
    slow.pause()
    const streams = service.parts.feed.streams
    const listener = await EventListener.open(service, org.adminKey)
    const count = 6000

    await publishMany(org, count, 4000)
    await listener.until((events) => events.length >= count)

    expect(listener.heard.map(nameOf)).toEqual(numbers(count))
    expect(listener.isOver).toBe(false)
    expect([streams, service.parts.feed.streams]).toEqual([1, 1])
    listener.stop()
    slow.destroy()
  })
})
