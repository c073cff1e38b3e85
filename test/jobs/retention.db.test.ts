import { afterAll, beforeAll, expect, it } from 'vitest'
import { Retention } from '../../src/jobs/retention.js'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

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
