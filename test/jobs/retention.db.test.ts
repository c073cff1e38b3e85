import { afterAll, beforeAll, expect, it } from 'vitest'
import { Retention } from '../../src/jobs/retention.js'
import { standingCallbacks } from '../support/inbox.js'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})

afterAll(() => service.close())

it('what is past its time is deleted, and nothing that is still needed', async () => {
  const org = await TestOrganization.create(service)
  const agent = await org.addAgent()
  const number = await org.addNumber('twilio sms')
  const conversation = await org.acceptedConversation(agent, number, newCustomer())
  await done(
    service
      .as(agent.key)
      .post(`/v1/conversations/${conversation.id}/notes`, { text: 'x' }, { 'idempotency-key': 'k' }),
    201,
  )
  const { db, log } = service.parts
  const count = () =>
    db.inOrg(org.id, async (tx) => ({
      events: await tx.event.count(),
      keys: await tx.idempotencyKey.count(),
      callbacks: await tx.callback.count(),
      messages: await tx.message.count(),
    }))
  const before = await count()
  const inADay = { now: () => new Date(Date.now() + 26 * 3_600_000) }
  const inAMonth = { now: () => new Date(Date.now() + 31 * 24 * 3_600_000) }

  await new Retention({ db, log, clock: { now: () => new Date() } }).once()
  const today = await count()
  await new Retention({ db, log, clock: inADay }).once()
  const tomorrow = await count()
  await new Retention({ db, log, clock: inAMonth }).once()
  const later = await count()

  expect(today).toEqual(before)
  expect(tomorrow).toEqual({ ...before, events: 0, keys: 0 })
  expect(later).toEqual({ events: 0, keys: 0, callbacks: 0, messages: before.messages })
})

it('a callback that still waits is not deleted, however old it is', async () => {
  const idle = await startService({ idle: true })
  const org = await TestOrganization.create(idle)
  const number = await org.addNumber('twilio sms')
  await org.customerTexts(newCustomer(), number, 'Hello')
  const inTwoMonths = { now: () => new Date(Date.now() + 62 * 24 * 3_600_000) }

  await new Retention({ db: idle.parts.db, log: idle.parts.log, clock: inTwoMonths }).once()

  expect(await standingCallbacks(idle, org.id)).toMatchObject([{ state: 'pending' }])
  await idle.close()
})

it('entries of the outbox go with their events, few at a time: each may have hundreds', async () => {
  const org = await TestOrganization.create(service)
  await runSql(service, 'CREATE TABLE deletions (entries bigint)')
  await runSql(
    service,
    `CREATE FUNCTION note_deletion() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
       $$ BEGIN INSERT INTO deletions SELECT count(*) FROM gone; RETURN NULL; END $$`,
  )
  await runSql(
    service,
    `CREATE TRIGGER note_deletion AFTER DELETE ON outbox REFERENCING OLD TABLE AS gone
       FOR EACH STATEMENT EXECUTE FUNCTION note_deletion()`,
  )
  await runSql(
    service,
    `WITH entry AS (
       INSERT INTO outbox (org_id, events, at) SELECT $1, 3, now() - interval '2 days' FROM generate_series(1, 120) RETURNING id)
     INSERT INTO events (org_id, entry, ordinal, type, data, at)
     SELECT $1, id, n, 'conversation.linked', '{}', now() FROM entry, generate_series(1, 3) n`,
    [org.id],
  )
  const { db, log } = service.parts
  await eventually(
    () => runSql(service, 'SELECT 1 FROM outbox WHERE position IS NULL'),
    (rows) => rows.length === 0,
  )

  await new Retention({ db, log, clock: { now: () => new Date() } }).once()

  const [{ most, old } = { most: 0, old: -1 }] = await runSql<{ most: number; old: number }>(
    service,
    `SELECT (SELECT max(entries)::int FROM deletions) AS most,
       (SELECT count(*)::int FROM events WHERE org_id = $1 AND data::text = '{}') AS old`,
    [org.id],
  )
  expect(most).toBeLessThanOrEqual(50)
  expect(old).toBe(0)
})
