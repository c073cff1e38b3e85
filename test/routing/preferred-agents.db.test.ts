import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { minutes, seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import {
  done,
  newCustomer,
  refused,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { eventually, redisDatabase, startService, type TestService } from '../support/service.js'
import { openSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService
let org: TestOrganization
let number: TestNumber
let queue: string
let workstream: string
let sam: TestAgent
let kim: TestAgent

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

beforeEach(() => furnish(service, { capacityUnits: 2 }))

/** Sam with little room, and Kim with so much that everybody would come to Kim. */
async function furnish(door: TestService, terms: object): Promise<void> {
  org = await TestOrganization.create(door)
  number = await org.addNumber('twilio sms')
  queue = await org.addQueue()
  workstream = await org.addWorkstream(number, { fallbackQueueId: queue, ...terms })
  sam = await org.addAgent({ capacityUnits: 3, queues: [queue], lasting: true })
  kim = await org.addAgent({ capacityUnits: 50, queues: [queue], lasting: true })
}

const say = (preferredAgents: string) => done(org.admin.put('/v1/routing-settings', { preferredAgents }), 200)
const setPresence = (agent: TestAgent, presence: string) =>
  done(org.as(agent).put('/v1/me/presence', { presence }), 200)
const whyOf = async (id: string) => (await done(org.admin.get(`/v1/conversations/${id}/routing`), 200)).body
const removeFromQueue = (agent: TestAgent) =>
  done(org.admin.delete(`/v1/queues/${queue}/members/${agent.id}`), 204)

async function addContact(...preferred: TestAgent[]): Promise<{ id: string; customer: string }> {
  const customer = newCustomer()
  const preferredAgentIds = preferred.map(({ id }) => id)
  const body = { name: 'Casey', mobilePhone: customer, preferredAgentIds }
  return { id: (await done(org.admin.post('/v1/contacts', body), 201)).body.id, customer }
}

/** As soon as it is in its queue. */
async function texts(customer: string): Promise<string> {
  await org.customerTexts(customer, number, 'Hello')
  return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
}

const knownCustomerTexts = async (...preferred: TestAgent[]) =>
  texts((await addContact(...preferred)).customer)

const isOffer = (row: any) => row.status === 'active' && row.acceptedAt === null
const offered = async (id: string) => (await org.conversation(id, isOffer)).agentId

describe('preferred agents of a contact', () => {
  it('count only where the organization says so', async () => {
    const id = await knownCustomerTexts(sam)

    expect(await offered(id)).toBe(kim.id)
    expect((await whyOf(id)).assignment.preferred).toEqual([])
  })

  it('come before others, in their order, and only for customers who are known', async () => {
    await say('next_best')
    const first = await org.addAgent({ queues: [queue], presence: 'away' })

    const id = await knownCustomerTexts(first, sam)

    expect(await offered(id)).toBe(sam.id)
    expect((await whyOf(id)).assignment).toMatchObject({
      agentId: sam.id,
      preferred: [
        { id: first.id, name: first.name, ruledOutBy: ['presence'] },
        { id: sam.id, name: sam.name, ruledOutBy: [] },
      ],
    })
    expect(await offered(await texts(newCustomer()))).toBe(kim.id)
  })

  it('are asked for their presence only: not for room, nor for skills', async () => {
    await say('next_best')
    const skill = { name: 'French', maxRating: 5 }
    const { id: skillId } = (await done(org.admin.post('/v1/skills', skill), 201)).body
    const when = { field: 'channel', op: 'exists' }
    const rules = [{ name: 'All', when, set: { skills: [{ skillId, rating: 3 }] } }]
    await done(
      org.admin.put(`/v1/workstreams/${workstream}/classification-rules`, {
        rulesets: [{ name: 'Language', rules }],
      }),
      200,
    )

    const ids = [await knownCustomerTexts(sam), await knownCustomerTexts(sam)]
    const holders = [await offered(ids[0] ?? ''), await offered(ids[1] ?? '')]
    const { body: full } = await done(org.admin.get(`/v1/agents/${sam.id}`), 200)
    const third = await knownCustomerTexts(sam)

    expect(holders).toEqual([sam.id, sam.id])
    // Four of three units: now they are in do_not_disturb, and get no more
    expect(full).toMatchObject({ usedUnits: 4, presence: 'do_not_disturb' })
    expect((await whyOf(third)).assignment).toMatchObject({
      agentId: null,
      preferred: [{ id: sam.id, ruledOutBy: ['presence'] }],
    })
  })

  it('who declines comes after those who have not', async () => {
    await say('next_best')
    const id = await knownCustomerTexts(sam)
    await org.conversation(id, (row) => row.agentId === sam.id)

    await done(org.as(sam).post(`/v1/conversations/${id}/reject`), 200)

    await org.conversation(id, (row) => row.agentId === kim.id)
  })

  it('may be the only ones: then it waits for them, and says so', async () => {
    await say('unassigned')
    await setPresence(sam, 'away')

    const id = await knownCustomerTexts(sam)
    const witness = await texts(newCustomer())
    await org.conversation(witness, (row) => row.agentId === kim.id)
    const waiting = await whyOf(id)
    await setPresence(sam, 'available')

    expect(await offered(id)).toBe(sam.id)
    expect(waiting.assignment.agentId).toBeNull()
    expect(waiting.assignment.agents).toEqual(
      expect.arrayContaining([
        { id: sam.id, name: sam.name, ruledOutBy: ['presence'] },
        { id: kim.id, name: kim.name, ruledOutBy: ['not_preferred'] },
      ]),
    )
  })

  it('trying shows who would get it', async () => {
    await say('unassigned')
    await setPresence(sam, 'away')
    const { customer } = await addContact(sam)

    const tried = async () =>
      (
        await done(
          org.admin.post(`/v1/workstreams/${workstream}/try`, { customerAddress: customer, text: 'Hi' }),
          200,
        )
      ).body.assignment
    const before = await tried()
    await say('next_best')

    expect(before).toMatchObject({ agentId: null, preferred: [{ id: sam.id, ruledOutBy: ['presence'] }] })
    expect(await tried()).toMatchObject({
      ...{ agentId: kim.id, preferred: [{ id: sam.id, ruledOutBy: ['presence'] }] },
    })
  })

  it('in a workstream for picking nothing is offered to them either', async () => {
    await say('next_best')
    number = await org.addNumber('twilio sms')
    await org.addWorkstream(number, { fallbackQueueId: queue, distribution: 'pick' })
    const id = await knownCustomerTexts(sam)

    clock.forward(seconds(5))
    const witness = await org.conversationOf(await waitInPush(), isOffer)

    expect(witness.agentId).toBe(kim.id)
    expect(await org.conversation(id)).toMatchObject({ status: 'open', agentId: null })
  })

  /** Once routing has looked at this one, it has looked at what came before. */
  async function waitInPush(): Promise<string> {
    const [push, customer] = [await org.addNumber('twilio sms'), newCustomer()]
    await org.addWorkstream(push, { fallbackQueueId: queue })
    await org.customerTexts(customer, push, 'Hello')
    return customer
  }

  it('are at most three, each of them an agent', async () => {
    const agents = [sam.id, kim.id, (await org.addAgent()).id, (await org.addAgent()).id]
    const write = (preferredAgentIds: string[]) =>
      org.admin.post('/v1/contacts', { name: 'Casey', preferredAgentIds })

    await refused(write(agents), 422, 'validation_failed')
    await refused(write([sam.id, sam.id]), 422, 'validation_failed')
    await refused(write([org.id]), 422, 'validation_failed')
    const { id } = (await done(write(agents.slice(0, 3)), 201)).body
    const { body } = await done(
      org.admin.patch(`/v1/contacts/${id}`, { preferredAgentIds: [kim.id.toUpperCase()] }),
      200,
    )
    expect(body.preferredAgentIds).toEqual([kim.id])
  })
})

describe('while conversations wait for a preferred agent', () => {
  let id: string
  let contact: string

  beforeEach(async () => {
    await say('unassigned')
    await setPresence(sam, 'away')
    const { id: contactId, customer } = await addContact(sam)
    contact = contactId
    id = await texts(customer)
    await org.conversation(await texts(newCustomer()), (row) => row.agentId === kim.id)
    expect(await org.conversation(id)).toMatchObject({ status: 'open' })
  })

  it('one who leaves the queue is waited for no more', async () => {
    await removeFromQueue(sam)

    expect(await offered(id)).toBe(kim.id)
    expect((await whyOf(id)).assignment.preferred).toEqual([
      { id: sam.id, name: sam.name, ruledOutBy: ['not_in_queue'] },
    ])
  })

  it.each(['off', 'next_best'])('the organization says %s instead: others get what waits', async (mode) => {
    await say(mode)

    expect(await offered(id)).toBe(kim.id)
  })

  it('a changed contact counts for what is led to a queue from then on', async () => {
    await done(org.admin.patch(`/v1/contacts/${contact}`, { preferredAgentIds: [] }), 200)
    await org.conversation(await texts(newCustomer()), (row) => row.agentId === kim.id)
    expect(await org.conversation(id)).toMatchObject({ status: 'open' })

    await setPresence(sam, 'available')

    expect(await offered(id)).toBe(sam.id)
  })

  it('a person may take it, and it overflows like any other', async () => {
    const other = await org.addQueue()
    const lee = await org.addAgent({ queues: [other], lasting: true })
    const waitingTime = { minutes: 10, action: 'other_queue', queueId: other }
    await done(org.admin.patch(`/v1/queues/${queue}`, { overflow: { waitingTime } }), 200)
    const late = await knownCustomerTexts(sam)

    await done(org.as(kim).post(`/v1/conversations/${id}/pick`), 200)
    clock.forward(minutes(11))

    // Sam is no member there
    await org.conversation(late, (row) => row.agentId === lee.id)
  })
})

const stores = [
  ['PostgreSQL', null],
  ['Redis', redisDatabase(9)],
] as const

describe.each(stores.filter(([name, url]) => name === 'PostgreSQL' || url))(
  'two workers with jobs on %s',
  (_name, redisUrl) => {
    it('offer each conversation once, to who is preferred, while that is switched on and off and members come and go', async () => {
      const first = await startService({ redisUrl })
      const second = await startService({ redisUrl, besides: first })
      const sql = await openSql(first)
      try {
        await furnish(first, { capacityUnits: 1 })
        await org.allowSessions(50)
        await say('next_best')
        const agents = [sam, kim, await org.addAgent({ queues: [queue], capacityUnits: 4 })]
        const customers = await Promise.all(
          Array.from({ length: 24 }, (_, n) => addContact(agents[n % 3] as TestAgent)),
        )
        await Promise.all([
          ...customers.map(({ customer }) => org.customerTexts(customer, number, 'Hello')),
          (async () => {
            const through = org.through(second).admin
            for (const mode of ['unassigned', 'off', 'next_best', 'off', 'unassigned', 'next_best']) {
              await done(through.put('/v1/routing-settings', { preferredAgents: mode }), 200)
              await done(through.delete(`/v1/queues/${queue}/members/${sam.id}`), 204)
              await done(through.put(`/v1/queues/${queue}/members/${sam.id}`), 204)
            }
          })(),
        ])
        const held = await eventually(
          async () =>
            (
              await sql.query<{ conversations: number; sessions: number }>(
                `SELECT count(*) FILTER (WHERE status = 'active')::int AS conversations,
                   (SELECT count(*)::int FROM sessions s WHERE s.org_id = $1 AND s.closed_at IS NULL) AS sessions
                 FROM conversations WHERE org_id = $1`,
                [org.id],
              )
            ).rows[0],
          (row) => row?.conversations === 24,
        )
        const { rows: wrong } = await sql.query(
          `SELECT a.name, used_units, capacity_units, overcommitted_units FROM agents a
           WHERE org_id = $1 AND (used_units > capacity_units + overcommitted_units OR used_units <> (
             SELECT coalesce(sum(c.held_units), 0) FROM conversations c WHERE c.org_id = a.org_id AND c.agent_id = a.id))`,
          [org.id],
        )

        expect(held).toEqual({ conversations: 24, sessions: 24 })
        expect(wrong).toEqual([])
      } finally {
        await sql.end()
        await second.close()
        await first.close()
      }
    })
  },
)
