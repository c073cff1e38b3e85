import { afterAll, beforeAll, expect, it } from 'vitest'
import { ReceiveService } from '../../src/messages/receive-service.js'
import { newCustomer, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

// Two batches full, and one that is not
const waiting = 510
let service: TestService

beforeAll(async () => {
  service = await startService({ idle: true })
})
afterAll(() => service.close())

/** How often the worker looked whether to give way, until it had worked all that waited, while so many came per second. */
async function looksWhile(perSecond: number): Promise<{ looks: number; left: number }> {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  await Promise.all(
    Array.from({ length: waiting }, (_, index) => org.customerTexts(newCustomer(), number, `text ${index}`)),
  )
  let looks = 0
  const arriving = () => {
    looks++
    return perSecond
  }
  const { db, clock, providers, log } = service.parts
  const worker = new ReceiveService({ db, clock, providers, log, arriving })
  await worker.drain(org.id, new AbortController().signal, { afterCrash: false })
  const left = await runSql(service, `SELECT 1 FROM callbacks WHERE org_id = $1 AND state = 'pending'`, [
    org.id,
  ])
  return { looks, left: left.length }
}

it('a worker waits for nobody while fewer callbacks come than it works, however many wait', async () => {
  expect(await looksWhile(1)).toEqual({ looks: 3, left: 0 })
})

it('it lets those go first that come faster than it works, and goes on in spite of a flood that lasts', async () => {
  // Once before the first batch, of which it knows no pace yet, and through the whole of its patience before each other
  expect(await looksWhile(1_000_000)).toEqual({ looks: 1 + 25 + 25, left: 0 })
})
