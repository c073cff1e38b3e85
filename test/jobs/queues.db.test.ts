import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type ChannelKind, done, newCustomer, TestOrganization } from '../support/organization.js'
import { eventually, redisDatabase, startService, type TestService } from '../support/service.js'

const redisUrl = redisDatabase(1)
// Where no Redis is at hand the other half runs alone; in CI its absence fails the whole run (test/support/redis.ts)
const stores = [['PostgreSQL', null] as const, ...(redisUrl ? [['Redis', redisUrl] as const] : [])]

it('says whether the Redis half runs', () => {
  expect(stores.length).toBe(inject('redisUrl') ? 2 : 1)
})

describe.each(stores)('with BullMQ on %s', (_name, store) => {
  let service: TestService
  let second: TestService

  beforeAll(async () => {
    service = await startService({ redisUrl: store })
    second = await startService({ besides: service })
  })

  afterAll(async () => {
    await second.close()
    await service.close()
  })

  it('two processes on one database work conversations, each exactly once', async () => {
    const org = await TestOrganization.create(service)
    await org.allowSessions(100)
    const agent = await org.addAgent({ capacityUnits: 100 })
    const number = await org.addNumber('twilio sms')
    const customers = Array.from({ length: 20 }, newCustomer)

    const conversations = await Promise.all(
      customers.map((customer) => org.acceptedConversation(agent, number, customer)),
    )
    const replies = await Promise.all(
      conversations.map(async ({ id }) => {
        const { body } = await done(
          org.as(agent).post(`/v1/conversations/${id}/messages`, { text: `To ${id}` }),
          202,
        )
        return org.message(id, body.id, ({ status }) => status === 'delivered')
      }),
    )

    expect(new Set(conversations.map(({ id }) => id)).size).toBe(20)
    expect(replies.map(({ error }) => error)).toEqual(replies.map(() => null))
    const sent = service.simulator.sent().filter(({ text }) => text.startsWith('To '))
    expect(sent.map(({ text }) => text).sort()).toEqual(conversations.map(({ id }) => `To ${id}`).sort())
  })

  it('a store that is wiped between two steps loses nothing', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    const open = await org.conversationOf(customer, ({ queueId }) => queueId !== null)

    await wipe(store, service)
    await org.customerTexts(customer, number, 'Anybody there?')
    await wipe(store, service)
    const agent = await org.addAgent()
    const offered = await org.conversation(open.id, ({ status }) => status === 'active')
    // Each is found by the sweep, whichever first
    const messages = await eventually(
      () => org.messages(open.id),
      ({ length }) => length === 2,
    )

    expect(offered.agentId).toBe(agent.id)
    expect(messages.map(({ text }) => text)).toEqual(['Hello', 'Anybody there?'])
  })

  it.each<ChannelKind>(['twilio sms', 'twilio whatsapp', 'telesign sms'])(
    'a whole conversation over %s goes through, with the store wiped before every step',
    async (kind) => {
      const org = await TestOrganization.create(service)
      const agent = await org.addAgent()
      const number = await org.addNumber(kind)
      const customer = newCustomer()
      const does = async (step: string, id: string) => {
        await wipe(store, service)
        await done(org.as(agent).post(`/v1/conversations/${id}/${step}`), 200)
      }

      const { id } = await org.acceptedConversation(agent, number, customer)
      await wipe(store, service)
      const { body } = await done(
        org.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'Hello back' }),
        202,
      )
      await wipe(store, service)
      await org.message(id, body.id, ({ status }) => ['delivered', 'read'].includes(status))
      await does('close', id)
      await org.customerTexts(customer, number, 'One more thing')
      await org.conversation(id, ({ status }) => status === 'active')
      await does('accept', id)
      await does('end', id)
      await does('close', id)

      const messages = await org.messages(id)
      expect(messages.map(({ text }) => text)).toEqual(['Hello', 'Hello back', 'One more thing'])
      expect(service.simulator.sent().filter((sent) => sent.customer === customer)).toHaveLength(1)
      expect((await org.conversation(id)).status).toBe('closed')
    },
  )
})

async function wipe(redis: string | null, { databaseUrl }: TestService): Promise<void> {
  if (redis) {
    const client = new Redis(redis)
    await client.flushdb()
    await client.quit()
    return
  }
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const wiped = () =>
    client.query('TRUNCATE bullmq.job, bullmq.dedup, bullmq.dedup_next CASCADE').then(
      () => true,
      (error: { code?: string }) => {
        // Whoever works on a job locks these tables in another order
        if (error.code === '40P01') return false
        throw error
      },
    )
  await eventually(wiped, (isDone) => isDone).finally(() => client.end())
}
