import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seconds } from '../../src/lib/clock.js'
import { ReceiveService } from '../../src/messages/receive-service.js'
import { TestClock } from '../support/clock.js'
import { standingCallbacks } from '../support/inbox.js'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { poison } from '../support/poison.js'
import { startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock, idle: true })
  // The database ends the connection over it: nobody can write down how that attempt ended, as when the process dies
  const does = 'PERFORM pg_terminate_backend(pg_backend_pid())'
  await poison(service, 'messages', { when: `NEW.text = 'deadly'`, does })
})
beforeEach(() => clock.holdAt(new Date()))
afterAll(() => service.close())

/** A worker that knows nothing of the ones before it. */
function newWorker(): ReceiveService {
  const { db, providers, log } = service.parts
  return new ReceiveService({ db, clock, providers, log, isPressed: () => false })
}

async function workersThatDie(org: TestOrganization): Promise<() => Promise<string>> {
  return () =>
    newWorker()
      .drain(org.id, new AbortController().signal, { afterCrash: true })
      .then(
        () => 'ended',
        () => 'died',
      )
}

const states = async ({ id }: TestOrganization): Promise<string[]> =>
  (await standingCallbacks(service, id)).map(({ state }) => state)

describe('a message that ends the process of the worker', () => {
  it('is set aside after five attempts, each counted before it began, and holds up nobody after the second', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const work = await workersThatDie(org)
    for (const [customer, text] of [
      [newCustomer(), 'before'],
      ['+12065550100', 'deadly'],
      [newCustomer(), 'after'],
      ['+12065550100', 'next'],
    ])
      await org.customerTexts(customer ?? '', number, text ?? '')

    const first = [await work(), await states(org)]
    const second = [await work(), await states(org)]
    const ends = []
    for (let attempt = 2; attempt <= 6; attempt++) {
      clock.forward(seconds(33))
      ends.push(await work())
    }

    expect(first).toEqual(['died', ['done', 'pending', 'pending', 'pending']])
    expect(second).toEqual(['ended', ['done', 'pending', 'done', 'pending']])
    expect(ends).toEqual(['died', 'died', 'died', 'died', 'ended'])
    expect(await states(org)).toEqual(['done', 'set_aside', 'done', 'done'])
    const [kept] = (await done(org.admin.get('/v1/quarantine'), 200)).body.data
    expect(kept).toMatchObject({ reason: 'processing_failed', attempts: 5, text: 'deadly' })
    expect(kept.detail).toContain('the process ended over it')
  })

  it('is found out where it stands in a batch', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    for (const text of ['before', 'deadly', 'after']) await org.customerTexts(newCustomer(), number, text)
    const worker = newWorker()
    const work = () =>
      worker.drain(org.id, new AbortController().signal, { afterCrash: false }).then(
        () => 'ended',
        () => 'died',
      )

    const ends = [await work(), await work(), await work()]

    expect(ends).toEqual(['died', 'died', 'ended'])
    expect(await states(org)).toEqual(['done', 'pending', 'done'])
  })
})
