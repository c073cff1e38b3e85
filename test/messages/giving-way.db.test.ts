import { afterAll, beforeAll, expect, it } from 'vitest'
import { ReceiveService } from '../../src/messages/receive-service.js'
import { addAccount, post, twilioText } from '../channels/provider-calls.js'
import { newCustomer, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { holdTable, runSql } from '../support/sql.js'

// Two batches full, and one that is not
const waiting = 510
let service: TestService

beforeAll(async () => {
  service = await startService({ idle: true })
})
afterAll(() => service.close())

/** How often the worker looked whether to give way, until it had worked all that waited. */
async function looksWhile(isPressed: boolean): Promise<{ looks: number; left: number }> {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  await Promise.all(
    Array.from({ length: waiting }, (_, index) => org.customerTexts(newCustomer(), number, `text ${index}`)),
  )
  let looks = 0
  const look = () => {
    looks++
    return isPressed
  }
  const { db, clock, providers, log } = service.parts
  const worker = new ReceiveService({ db, clock, providers, log, isPressed: look })
  await worker.drain(org.id, new AbortController().signal, { afterCrash: false })
  const left = await runSql(service, 'SELECT 1 FROM inbox WHERE org_id = $1', [org.id])
  return { looks, left: left.length }
}

it('a worker waits for nobody while callbacks are answered at once, however many it has to work', async () => {
  expect(await looksWhile(false)).toEqual({ looks: 2, left: 0 })
})

it('it lets those go first that wait to be answered, and goes on in spite of a flood that lasts', async () => {
  // Through the whole of its patience between batches. The first batch waits for nobody: what is no more than that is soon done
  expect(await looksWhile(true)).toEqual({ looks: 25 + 25, left: 0 })
})

it('callbacks press when more than a few wait for the database, and no longer when they are answered', async () => {
  const org = await TestOrganization.create(service)
  const account = await addAccount(org)
  const { intake } = service.parts
  const text = () => post(service, twilioText(account))
  expect((await text()).status).toBe(200)
  const giveBack = await holdTable(service, 'callbacks')

  const few = Array.from({ length: 20 }, text)
  await eventually(
    async () => intake.unanswered,
    (unanswered) => unanswered === 20,
  )
  const whileFew = intake.isPressed
  const many = Array.from({ length: 20 }, text)
  await eventually(
    async () => intake.unanswered,
    (unanswered) => unanswered === 40,
  )
  const whileMany = intake.isPressed
  await giveBack()
  const answers = await Promise.all([...few, ...many])

  expect([whileFew, whileMany, intake.isPressed]).toEqual([false, true, false])
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
})
