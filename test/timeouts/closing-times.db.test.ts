import { afterAll, beforeAll, expect, it } from 'vitest'
import { minutes } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done, newCustomer, refused, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

const usual = { openMinutes: 43_200, activeMinutes: 43_200, wrapUpMinutes: 1440 }

it('are 30 days, 30 days and a day where nothing was set', async () => {
  const org = await TestOrganization.create(service)

  expect((await done(org.admin.get('/v1/closing-times'), 200)).body).toEqual({ sms: usual, whatsapp: usual })
})

it('hold for one channel, from the next change of status; what is at hand keeps its own', async () => {
  const org = await TestOrganization.create(service)
  const sms = await org.addNumber('twilio sms')
  const whatsapp = await org.addNumber('twilio whatsapp')
  const agent = await org.addAgent({ lasting: true })
  const old = await org.acceptedConversation(agent, sms)
  const times = { openMinutes: 20, activeMinutes: 40, wrapUpMinutes: 60 }

  const answer = await done(org.admin.put('/v1/closing-times', { sms: times, whatsapp: usual }), 200)
  const fresh = await org.acceptedConversation(agent, sms)
  const other = await org.acceptedConversation(agent, whatsapp)
  await done(org.as(agent).put('/v1/me/presence', { presence: 'away' }), 200)
  const customer = newCustomer()
  await org.customerTexts(customer, sms, 'Hello')
  const open = await org.conversationOf(customer)
  const kept = await org.conversation(old.id)
  const ended = (await done(org.as(agent).post(`/v1/conversations/${old.id}/end`), 200)).body

  const lasts = (row: any) => (Date.parse(row.closesAt) - Date.parse(row.statusUpdatedAt)) / minutes(1)
  expect(answer.body).toEqual({ sms: times, whatsapp: usual })
  expect([open, fresh, other, kept, ended].map(lasts)).toEqual([20, 40, 43_200, 43_200, 60])
  clock.forward(minutes(41))
  await org.conversation(fresh.id, ({ status }) => status === 'closed')
  await org.conversation(open.id, ({ status }) => status === 'closed')
  expect((await org.conversation(ended.id)).status).toBe('wrap_up')
})

it('are refused below a minute and above a year', async () => {
  const org = await TestOrganization.create(service)

  for (const wrapUpMinutes of [0, 525_601]) {
    const body = { sms: { ...usual, wrapUpMinutes }, whatsapp: usual }
    await refused(org.admin.put('/v1/closing-times', body), 422, 'validation_failed')
  }
})
