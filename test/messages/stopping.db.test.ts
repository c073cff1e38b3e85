import { afterAll, beforeAll, expect, it } from 'vitest'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { runSql } from '../support/sql.js'

let service: TestService

beforeAll(async () => {
  service = await startService({ role: 'api' })
  await tellProvider(service, 'settings', { reports: false })
})
afterAll(() => service.close())

const statusOf = async (id: string): Promise<string | undefined> =>
  (await runSql<{ status: string }>(service, 'SELECT status FROM messages WHERE id = $1', [id]))[0]?.status

it('a worker that stops records what became of the calls under way, and begins no more', async () => {
  const worker = await startService({ besides: service, role: 'worker' })
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent({ capacityUnits: 10 })
  const customers = [newCustomer(), newCustomer(), newCustomer()]
  const conversations: any[] = []
  for (const customer of customers)
    conversations.push(await org.acceptedConversation(agent, number, customer))
  for (const to of customers)
    await tellProvider(service, 'faults', { to, mode: 'delay', delayMs: 3000, times: 0 })
  const reply = async (index: number, text: string): Promise<string> =>
    (await done(org.as(agent).post(`/v1/conversations/${conversations[index].id}/messages`, { text }), 202))
      .body.id
  const underWay = [await reply(0, 'One'), await reply(1, 'Two'), await reply(2, 'Three')]
  for (const id of underWay)
    await eventually(
      () => statusOf(id),
      (status) => status === 'sending',
    )
  // Waits behind the first one: free as soon as that has been recorded
  const next = await reply(0, 'Next')

  await worker.close()
  const after = await Promise.all([...underWay, next].map(statusOf))

  expect(after).toEqual(['sent', 'sent', 'sent', 'queued'])
  const sent = service.simulator.sent().filter(({ customer }) => customers.includes(customer))
  expect(sent.map(({ text }) => text).sort()).toEqual(['One', 'Three', 'Two'])
}, 60_000)
