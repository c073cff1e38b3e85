import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EventListener } from '../support/event-listener.js'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { redisDatabase, startService, type TestService } from '../support/service.js'

const redisUrl = redisDatabase(5)
// Where no Redis is at hand the other half runs alone; in CI its absence fails the whole run (test/support/redis.ts)
const stores = [['PostgreSQL', null] as const, ...(redisUrl ? [['Redis', redisUrl] as const] : [])]

const customers = 30

describe.each(stores)('two api processes and two workers, BullMQ on %s', (_name, redis) => {
  const running: TestService[] = []

  beforeAll(async () => {
    const first = await startService({ role: 'api', redisUrl: redis })
    running.push(first)
    for (const role of ['api', 'worker', 'worker'] as const)
      running.push(await startService({ role, redisUrl: redis, besides: first }))
  })
  afterAll(async () => {
    for (const service of running.toReversed()) await service.close()
  })

  it('every stream hears the same events, once and in the same order, whichever process it is open in', async () => {
    const [one, two] = running as [TestService, TestService]
    const org = await TestOrganization.create(one)
    const there = org.through(two)
    const number = await org.addNumber('twilio sms')
    await org.allowSessions(customers)
    const agent = await org.addAgent({ capacityUnits: customers })
    const [here, alsoHere, elsewhere] = [
      await EventListener.open(one, org.adminKey),
      await EventListener.open(one, agent.key),
      await EventListener.open(two, org.adminKey),
    ]

    const texting = Array.from({ length: customers }, async (_, index) => {
      const [side, other] = index % 2 === 0 ? [org, there] : [there, org]
      const customer = newCustomer()
      await side.customerTexts(customer, number, 'First')
      const { id } = await other.conversationOf(customer, ({ status }) => status === 'active')
      await done(other.as(agent).post(`/v1/conversations/${id}/accept`), 200)
      await done(side.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'Answer' }), 202)
      await side.message(id, (await side.messages(id)).at(-1).id, ({ status }) => status === 'delivered')
      await done(other.as(agent).post(`/v1/conversations/${id}/end`), 200)
      await done(side.as(agent).post(`/v1/conversations/${id}/close`), 200)
    })
    await Promise.all(texting)
    const allClosed = (heard: { type: string }[]) =>
      heard.filter(({ type }) => type === 'conversation.closed').length === customers
    for (const listener of [here, alsoHere, elsewhere]) await listener.until(allClosed)
    const resumed = await EventListener.open(two, org.adminKey, here.heard[9]?.id)
    await resumed.until((heard) => heard.length >= here.heard.length - 10)
    for (const listener of [here, alsoHere, elsewhere, resumed]) listener.stop()

    const ids = here.heard.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)].sort((left, right) => Number(BigInt(left) - BigInt(right))))
    expect(elsewhere.heard).toEqual(here.heard)
    expect(resumed.heard).toEqual(here.heard.slice(10))
    for (const type of [
      'conversation.opened',
      'message.received',
      'message.delivered',
      'conversation.wrap_up',
    ])
      expect(here.types.filter((heard) => heard === type)).toHaveLength(customers)
    expect(alsoHere.types.filter((heard) => heard === 'conversation.closed')).toHaveLength(customers)
  })
})
