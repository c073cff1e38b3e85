import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { EventListener } from '../support/event-listener.js'
import { type OutageProxy, startOutageProxy } from '../support/outage-proxy.js'
import { replyDesk } from '../support/reply.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { runSql } from '../support/sql.js'

/** Issue "Nothing lost", 2, for a few seconds; half a minute under load is test/torture/outages.torture.ts. */
let database: TestDatabase
let proxy: OutageProxy
let service: TestService

beforeEach(async () => {
  database = await createTestDatabase()
  proxy = await startOutageProxy(database.url)
  service = await startService({ databaseUrl: proxy.url })
  // Six attempts, as the callback URL's fragment asks
  await tellProvider(service, 'settings', { twilioRetryWaitMs: 700 })
})

afterEach(async () => {
  await proxy.back()
  await service.close()
  await database.drop()
})

/** What was under way in the job store counts as lost after nine seconds; these machines may be slow */
const recovery = 30_000

/** A process listens once, however often it has tried meanwhile. */
const listeners = () =>
  runSql(
    { databaseUrl: database.url },
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'parley-listener'`,
  )

const ready = () => service.as(null).get('/readyz')

describe.each(['cut', 'silence'] as const)('while PostgreSQL is away (%s)', (how) => {
  it('callers are told to come again, and afterwards nothing is lost and streams go on', async () => {
    const at = await replyDesk(service, 'twilio sms')
    const stream = await EventListener.open(service, at.agent.key)
    await proxy[how]()

    // Each attempt is answered while the provider has patience; at last it gives up
    const [given, ...refusals] = await Promise.all([
      at.org.customerTexts(at.customer, at.number, 'Are you there?').catch(({ message }) => message),
      ready(),
      at.post({ text: 'Lost?' }, { 'idempotency-key': 'Lost?' }),
    ])
    await proxy.back()
    await eventually(ready, ({ status }) => status === 200)
    const reply = await eventually(
      () => at.post({ text: 'Lost?' }, { 'idempotency-key': 'Lost?' }),
      ({ status }) => status === 202,
    )
    await at.org.customerTexts(at.customer, at.number, 'I am here')

    expect(given).toContain('"status":503')
    expect(given).toContain('"attempts":6')
    expect(refusals.map(({ status }) => status)).toEqual([503, 503])
    expect(refusals[0]?.body.detail).toMatch(/^Not ready: the database/)
    expect(refusals.map(({ headers }) => headers['retry-after'])).toEqual(['1', '1'])
    await eventually(
      () =>
        runSql<{ status: string }>(
          { databaseUrl: database.url },
          'SELECT status FROM messages WHERE id = $1',
          [reply.body.id],
        ),
      ([row]) => row?.status === 'delivered',
      recovery,
    )
    expect(at.sent()).toEqual(['Lost?'])
    await eventually(listeners, ({ length }) => length === 1)
    await stream.first(({ data }) => data.message?.text === 'I am here')
    const texts = (await at.org.messages(at.id)).map(({ text }) => text)
    expect(texts.filter((text) => text === 'I am here')).toHaveLength(1)
    // What was stored too late to say so may be there, once
    expect(texts.filter((text) => text === 'Are you there?').length).toBeLessThan(2)
    stream.stop()
  }, 120_000)
})
