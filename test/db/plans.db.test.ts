import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { triggers } from '../../src/automatic-messages/triggers.js'
import { loadSize } from '../../src/bench/load-size.js'
import { minutes } from '../../src/lib/clock.js'
import { call } from '../support/api-call.js'
import type { ApiRoute } from '../support/api-watch.js'
import { TestClock } from '../support/clock.js'
import type { TestDatabase } from '../support/database.js'
import { EventListener } from '../support/event-listener.js'
import { type Furnished, fillPath, furnish, referencesOf } from '../support/furnished.js'
import { done, newCustomer } from '../support/organization.js'
import { createExplainedDatabase, PlanLog, type Scan, scansIn } from '../support/plans.js'
import { sampleBodies } from '../support/sample-bodies.js'
import { startService, type TestService } from '../support/service.js'
import { openSql, whileAnotherPublishes } from '../support/sql.js'

/** Its organization gets 1,000 conversations and 10,000 messages; what reads them all reads more than the bounds below. */
const size = { organizations: 5, conversations: 10_000 }
const mostRows = 250
/** Each row may lie on a page of its own, and each look-up goes down an index. */
const mostPages = (rows: number): number => 60 + 6 * rows

const clock = new TestClock()
let database: TestDatabase
let service: TestService
let at: Furnished
let scans: Scan[]
let tenantTables: Set<string>

beforeAll(async () => {
  database = await createExplainedDatabase()
  service = await startService({ clock, databaseUrl: database.url })
  at = await furnish(service, 'plans')
  await load()
  await somethingIsSaidByItself()
  const log = await PlanLog.open(database.url)
  await aConversation()
  await listsOfConversations()
  await timeGoesBy()
  await everyRoute()
  await service.close()
  scans = (await log.read()).flatMap(scansIn)
}, 180_000)
afterAll(() => database.drop())

async function load(): Promise<void> {
  const sql = await openSql({ databaseUrl: database.url })
  await sql.query('SET auto_explain.log_min_duration = -1')
  await loadSize({ database: sql, size, organizationId: at.org.id, say: () => undefined })
  const { rows } = await sql.query(
    `SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity AND relnamespace = 'public'::regnamespace`,
  )
  tenantTables = new Set(rows.map(({ relname }) => relname))
  await sql.end()
}

/** The number keeps to hours, and whatever happens to a conversation says something. */
async function somethingIsSaidByItself(): Promise<void> {
  const { org, ids } = at
  const path = `/v1/workstreams/${ids['workstreams']}/channels/${ids['channels']}`
  await done(org.admin.patch(path, { operatingHoursId: ids['operating-hours'] }), 200)
  for (const trigger of triggers) {
    const message = { channel: 'sms', trigger, active: true, workstreamChannelId: ids['channels'] }
    await done(org.admin.post('/v1/automatic-messages', message), 201)
  }
}

/** A customer who is known and one who is new; what agents do with them; reports, an upload, an event stream that resumes. */
async function aConversation(): Promise<void> {
  const { org, agent, number, ids } = at
  await call(service, { method: 'POST', path: `/callbacks/twilio/${'a'.repeat(43)}`, key: null })
  const stream = await EventListener.open(service, agent.key, '0')
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  const { id } = await org.conversationOf(customer, ({ status }) => status === 'active')
  const worker = org.as(agent)
  const step = (name: string) => done(worker.post(`/v1/conversations/${id}/${name}`), 200)
  await step('accept')
  const media = [{ id: await at.upload() }]
  const { body } = await done(
    worker.post(`/v1/conversations/${id}/messages`, { text: 'A photo', media }, { 'idempotency-key': 'one' }),
    202,
  )
  await org.message(id, body.id, ({ status }) => status === 'delivered')
  await step('read')
  await done(worker.put(`/v1/conversations/${id}/contact`, { contactId: ids['contacts'] }), 200)
  await step('close')
  await org.customerTexts(customer, number, 'One more thing')
  await org.conversation(id, ({ status, acceptedAt }) => status === 'active' && acceptedAt === null)
  await step('accept')
  await step('end')
  await step('close')
  await stream.first(({ type }) => type === 'conversation.closed')
  stream.stop()
  const again = await EventListener.open(service, agent.key, stream.heard[0]?.id)
  await again.first(({ type }) => type === 'conversation.closed')
  again.stop()
}

async function listsOfConversations(): Promise<void> {
  const { org, ids } = at
  // Of the queue with all the conversations that were loaded
  const clerk = await org.addAgent({ presence: 'offline' })
  const chief = await org.addAgent({ presence: 'offline', role: 'supervisor' })
  const keys = { ...at.keys, clerk: clerk.key, chief: chief.key }
  const filters = [
    ...['', 'status=closed', 'status=waiting', `contactId=${ids['contacts']}`],
    ...[`workstreamId=${ids['workstreams']}`, `queueId=${await org.defaultQueue()}`],
    'customerAddress=%2B12062000001',
  ]
  for (const [role, key] of Object.entries(keys)) {
    for (const view of ['', 'view=mine&', 'view=open&', 'view=closed_today&', 'view=all&']) {
      for (const sort of ['created', 'activity']) {
        for (const filter of filters) {
          const path = `/v1/conversations?limit=50&${view}sort=${sort}&${filter}`
          const { status, text } = await call(service, { method: 'GET', path, key })
          if (status === 200) await nextPage(path, key, text)
          else expect([403, 422], `${role} ${path}: ${text}`).toContain(status)
        }
      }
    }
  }
}

async function nextPage(path: string, key: string, page: string): Promise<void> {
  const { nextCursor } = JSON.parse(page)
  if (nextCursor) await call(service, { method: 'GET', path: `${path}&cursor=${nextCursor}`, key })
}

/** Each route that there is, those that delete last. */
async function everyRoute(): Promise<void> {
  const order = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  const routes = service.routes
    .filter(({ url, config, method }) => url.startsWith('/v1/') && order.includes(method) && config.access)
    .toSorted((one, other) => order.indexOf(one.method) - order.indexOf(other.method))
  for (const route of routes) {
    const key = route.config.access === 'platform' ? service.platformKey : at.keys.admin
    const path = fillPath(route.url, (segment) => (segment === 'organizations' ? at.org.id : at.ids[segment]))
    const { status, text } = await call(service, { method: route.method, path, key, body: bodyFor(route) })
    expect(status, `${route.name}: ${text}`).toBeLessThan(500)
  }
}

const bodyFor = ({ name }: ApiRoute) => sampleBodies[name]?.(referencesOf(at)) ?? null

/** Offers run out, what is over is deleted, and events are left to the relay. */
async function timeGoesBy(): Promise<void> {
  const { org, number } = at
  const customer = newCustomer()
  const { id } = await whileAnotherPublishes(service, async () => {
    await org.customerTexts(customer, number, 'Is anybody there?')
    return org.conversationOf(customer)
  })
  clock.forward(minutes(3))
  await org.conversation(id, ({ agentId }) => agentId === null)
}

/** What deletes reads a batch of the oldest at a time. */
const isBatch = ({ statement }: Scan): boolean => /^\s*DELETE FROM/.test(statement)
const isTenants = ({ relation }: Scan): boolean => relation === null || tenantTables.has(relation)
const shown = ({ what, rows, pages, statement }: Scan): string =>
  `${what} reads ${rows} rows, ${pages} pages: ${statement.replace(/\s+/g, ' ').replace(/(?<=SELECT (c|"public")\.).*?(?= FROM)/g, '…')}`

describe('whatever the service asks the database', () => {
  it('was seen: what callbacks, attaching, sending, publishing, sweeps and look-ups ask', () => {
    const seen = [...new Set(scans.map(({ statement }) => statement))].join('\n')

    for (const part of [
      'INSERT INTO callbacks',
      'UPDATE outbox o SET position',
      'WITH RECURSIVE posted',
      'WHERE k.hash = key_hash',
      'callback_token = token',
    ])
      expect(seen).toContain(part)
    const read = new Set(scans.map(({ relation }) => relation))
    expect([...tenantTables].filter((table) => !read.has(table))).toEqual([])
  })

  it('is looked up in an index', () => {
    const offences = scans.filter((scan) => isTenants(scan) && scan.isSequential)

    expect([...new Set(offences.map(shown))]).toEqual([])
  })

  it('is not looked for among all rows of an index', () => {
    const offences = scans.filter(
      (scan) =>
        isTenants(scan) && !isBatch(scan) && (scan.rows > mostRows || scan.pages > mostPages(scan.rows)),
    )

    expect([...new Set(offences.map(shown))]).toEqual([])
  })
})
