import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  done,
  newCustomer,
  refused,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService
let org: TestOrganization
let number: TestNumber
let workstream: string
let queue: string

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

beforeEach(async () => {
  org = await TestOrganization.create(service)
  number = await org.addNumber('twilio sms')
  queue = await org.addQueue()
  workstream = await org.addWorkstream(number, { fallbackQueueId: queue })
})

const addSkill = async (name: string): Promise<string> =>
  (await done(org.admin.post('/v1/skills', { name, maxRating: 5 }), 201)).body.id

const giveSkills = (agent: TestAgent, skills: Record<string, number>) =>
  done(
    org.admin.put(`/v1/agents/${agent.id}/skills`, {
      skills: Object.entries(skills).map(([skillId, rating]) => ({ skillId, rating })),
    }),
    200,
  )

const classify = (...rulesets: object[]) =>
  done(org.admin.put(`/v1/workstreams/${workstream}/classification-rules`, { rulesets }), 200)

const route = (...rules: object[]) =>
  done(org.admin.put(`/v1/workstreams/${workstream}/routing-rules`, { rules }), 200)

const textHas = (value: string) => ({ field: 'firstMessage.text', op: 'contains', value })

async function customerTexts(text: string): Promise<string> {
  const customer = newCustomer()
  await org.customerTexts(customer, number, text)
  return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
}

/** A queue with a member, who is away. */
async function queueOfSomebody(): Promise<string> {
  const id = await org.addQueue()
  await org.addAgent({ queues: [id], presence: 'away' })
  return id
}

const isOffer = (row: any) => row.status === 'active' && row.acceptedAt === null
const whyOf = async (id: string) => (await done(org.admin.get(`/v1/conversations/${id}/routing`), 200)).body
const tryText = async (text: string, more: object = {}) =>
  (
    await done(
      org.admin.post(`/v1/workstreams/${workstream}/try`, { customerAddress: newCustomer(), text, ...more }),
      200,
    )
  ).body

describe('skills', () => {
  it('a conversation goes to the agent who has the skill, and waits while nobody who has it is free', async () => {
    const french = await addSkill('French')
    await classify({
      name: 'Language',
      rules: [
        { name: 'French', when: textHas('bonjour'), set: { skills: [{ skillId: french, rating: 3 }] } },
      ],
    })
    const plain = await org.addAgent({ queues: [queue], capacityUnits: 50 })
    const beginner = await org.addAgent({ queues: [queue], capacityUnits: 50 })
    await giveSkills(beginner, { [french]: 2 })

    const id = await customerTexts('Bonjour')
    const other = await customerTexts('Hello')
    await org.conversation(other, isOffer)
    const waiting = await whyOf(id)

    expect(await org.conversation(id)).toMatchObject({ status: 'open', agentId: null })
    expect(waiting.routing.set.skills).toEqual([{ skillId: french, rating: 3 }])
    expect(waiting.assignment.agentId).toBeNull()
    expect(waiting.assignment.agents).toEqual(
      expect.arrayContaining([
        { id: plain.id, name: plain.name, ruledOutBy: ['skill'] },
        { id: beginner.id, name: beginner.name, ruledOutBy: ['skill'] },
      ]),
    )
    await giveSkills(beginner, { [french]: 3 })
    expect(await org.conversation(id, isOffer)).toMatchObject({ agentId: beginner.id })
  })

  it('matching the closest, it goes to whoever comes closest; not matching, skills do not count', async () => {
    const french = await addSkill('French')
    await classify({
      name: 'Language',
      rules: [{ name: 'All', when: textHas('o'), set: { skills: [{ skillId: french, rating: 5 }] } }],
    })
    await done(org.admin.patch(`/v1/workstreams/${workstream}`, { skillMatching: 'closest' }), 200)
    const free = await org.addAgent({ queues: [queue], capacityUnits: 50 })
    const closest = await org.addAgent({ queues: [queue], capacityUnits: 5 })
    await giveSkills(closest, { [french]: 2 })

    const first = await org.conversation(await customerTexts('Hello'), isOffer)
    await done(org.admin.patch(`/v1/workstreams/${workstream}`, { skillMatching: 'none' }), 200)
    const second = await org.conversation(await customerTexts('Hello'), isOffer)

    expect(first.agentId).toBe(closest.id)
    expect(second.agentId).toBe(free.id)
  })

  it('what waits for a skill that is deleted waits for it no more', async () => {
    const french = await addSkill('French')
    await classify({
      name: 'Language',
      rules: [{ name: 'All', when: textHas('o'), set: { skills: [{ skillId: french }] } }],
    })
    const agent = await org.addAgent({ queues: [queue] })
    const id = await customerTexts('Hello')
    await refused(org.admin.delete(`/v1/skills/${french}`), 409, 'conflict')
    await classify()

    await done(org.admin.delete(`/v1/skills/${french}`), 204)

    expect(await org.conversation(id, isOffer)).toMatchObject({ agentId: agent.id })
  })

  it('ratings stay on the scale of the skill', async () => {
    const french = await addSkill('French')
    const agent = await org.addAgent({ queues: [queue] })
    const path = `/v1/agents/${agent.id}/skills`

    await refused(org.admin.put(path, { skills: [{ skillId: french, rating: 6 }] }), 422, 'validation_failed')
    await refused(org.admin.put(path, { skills: [{ skillId: queue, rating: 1 }] }), 422, 'validation_failed')
    await refused(org.admin.patch(`/v1/skills/${french}`, { maxRating: 9 }), 422, 'validation_failed')
    await refused(org.admin.post('/v1/skills', { name: 'French' }), 409, 'conflict')
    const set = { skills: [{ skillId: french, rating: 6 }] }
    const rulesets = [{ name: 'A', rules: [{ name: 'B', when: textHas('o'), set }] }]
    const refusal = await refused(
      org.admin.put(`/v1/workstreams/${workstream}/classification-rules`, { rulesets }),
      422,
      'validation_failed',
    )
    expect(refusal.errors[0].path).toBe('rulesets.0.rules.0.set.skills.0.rating')
  })
})

describe('classification', () => {
  it('sets values that later rulesets and the routing rules read, and the record tells it', async () => {
    const vip = await queueOfSomebody()
    await classify(
      {
        name: 'Topic',
        rules: [{ name: 'Refund', when: textHas('refund'), set: { context: { Topic: 'refund' } } }],
      },
      {
        name: 'Urgency',
        rules: [
          {
            name: 'Never',
            when: { field: 'channel', op: 'equals', value: 'whatsapp' },
            set: { priority: 900 },
          },
          {
            name: 'Refunds first',
            when: { field: 'context.Topic', op: 'equals', value: 'refund' },
            set: { priority: 5 },
          },
        ],
      },
    )
    await route(
      { name: 'Other', when: textHas('xyz'), queueId: queue },
      { name: 'Refunds', when: { field: 'context.Topic', op: 'exists' }, queueId: vip },
    )

    const id = await customerTexts('A refund, please')

    expect(await org.conversation(id)).toMatchObject({ queueId: vip, context: { Topic: 'refund' } })
    expect(await whyOf(id)).toMatchObject({
      queueId: vip,
      routing: {
        classification: [
          { ruleset: 'Topic', outcome: 'applied', rule: 'Refund', tried: 1 },
          { ruleset: 'Urgency', outcome: 'applied', rule: 'Refunds first', tried: 2 },
        ],
        set: { context: ['Topic'], skills: [], priority: 5, capacityProfileIds: [] },
        queueId: vip,
        reason: 'rule',
        tried: 2,
        trail: [{ rule: 'Refunds', outcome: 'applied', draw: null, queueId: vip, overflow: null }],
      },
    })
  })

  it('a smaller priority goes first within a queue', async () => {
    await classify({
      name: 'Urgency',
      rules: [{ name: 'Urgent', when: textHas('urgent'), set: { priority: 1 } }],
    })
    const ids = [
      await customerTexts('Hello'),
      await customerTexts('Hello'),
      await customerTexts('This is urgent'),
    ]
    const agent = await org.addAgent({ queues: [queue], capacityUnits: 1 })

    expect(await org.conversation(ids[2] ?? '', isOffer)).toMatchObject({ agentId: agent.id })
    expect((await org.conversation(ids[0] ?? '')).status).toBe('open')
  })

  it('a capacity profile that it sets is what the conversation takes from its agent', async () => {
    const profile = (
      await done(org.admin.post('/v1/capacity-profiles', { name: 'Refunds', workItemLimit: 1 }), 201)
    ).body.id
    await classify({
      name: 'Kind',
      rules: [{ name: 'Refund', when: textHas('refund'), set: { capacityProfileId: profile } }],
    })
    const plain = await org.addAgent({ queues: [queue], capacityUnits: 50 })
    const able = await org.addAgent({ queues: [queue], capacityUnits: 1 })
    await done(org.admin.put(`/v1/agents/${able.id}/capacity-profiles/${profile}`, {}), 200)

    const first = await org.conversation(await customerTexts('A refund'), isOffer)
    const second = await customerTexts('Another refund')
    const third = await org.conversation(await customerTexts('Hello'), isOffer)

    expect(first.agentId).toBe(able.id)
    expect(third.agentId).toBe(plain.id)
    expect(await org.conversation(second)).toMatchObject({ status: 'open' })
    expect((await whyOf(second)).assignment.agents).toEqual(
      expect.arrayContaining([
        { id: able.id, name: able.name, ruledOutBy: ['capacity'] },
        { id: plain.id, name: plain.name, ruledOutBy: ['capacity'] },
      ]),
    )
    await refused(org.admin.delete(`/v1/capacity-profiles/${profile}`), 409, 'conflict')
  })

  it('a faulty rule loses nothing: the fallback queue, and the record names the rule', async () => {
    const vip = await queueOfSomebody()
    await route({ name: 'All', when: textHas('o'), queueId: vip })
    await classify({ name: 'One', rules: [{ name: 'Weather', when: textHas('o'), set: { priority: 1 } }] })
    await runSql(
      service,
      `UPDATE classification_rules SET rulesets = replace(rulesets::text, 'firstMessage.text', 'weather')::jsonb WHERE org_id = $1`,
      [org.id],
    )

    const id = await customerTexts('Hello')

    expect(await org.conversation(id)).toMatchObject({ status: 'open', queueId: queue })
    expect((await whyOf(id)).routing).toMatchObject({
      reason: 'faulty_classification',
      classification: [{ ruleset: 'One', outcome: 'faulty', rule: 'Weather' }],
      queueId: queue,
    })
  })

  const rule = { name: 'A', when: textHas('o'), set: { priority: 1 } }
  const many = <Item>(count: number, item: Item): Item[] => Array.from({ length: count }, () => item)

  it.each([
    ['eleven rulesets', many(11, { name: 'A', rules: [rule] })],
    ['a ruleset of 101 rules', [{ name: 'A', rules: many(101, rule) }]],
    ['a rule without values', [{ name: 'A', rules: [{ ...rule, set: {} }] }]],
    [
      'a rule of six values',
      [{ name: 'A', rules: [{ ...rule, set: { priority: 1, context: { a: 1, b: 1, c: 1, d: 1, e: 1 } } }] }],
    ],
    ['a priority of 0', [{ name: 'A', rules: [{ ...rule, set: { priority: 0 } }] }]],
    [
      'an unknown skill',
      [
        {
          name: 'A',
          rules: [{ ...rule, set: { skills: [{ skillId: '01a1fe55-99da-7324-9d81-d9f777cae6c2' }] } }],
        },
      ],
    ],
  ])('%s is refused', async (_what, rulesets) => {
    const call = org.admin.put(`/v1/workstreams/${workstream}/classification-rules`, { rulesets })

    await refused(call, 422, 'validation_failed')
  })
})

describe('allocation by percentage', () => {
  it('spreads conversations over the queues, and the record shows the draw', async () => {
    const [one, other] = [await queueOfSomebody(), await queueOfSomebody()]
    const queues = [
      { queueId: one, percent: 50 },
      { queueId: other, percent: 50 },
    ]
    const { body } = await route({ name: 'Split', when: textHas('o'), queues })

    const ids: string[] = []
    for (let n = 0; n < 12; n++) ids.push(await customerTexts('Hello'))
    const records = await Promise.all(ids.map(whyOf))

    expect(body.rules[0].queues).toEqual(queues)
    for (const { routing, queueId } of records) {
      expect(routing.trail[0].draw < 50 ? one : other).toBe(queueId)
    }
    expect(new Set(records.map(({ queueId }) => queueId)).size).toBe(2)
    await refused(org.admin.delete(`/v1/queues/${other}`), 409, 'conflict')
  })

  it.each([
    ['that come to 99', [49, 50]],
    ['of six queues', [50, 10, 10, 10, 10, 10]],
  ])('percentages %s are refused', async (_what, percents) => {
    const queues = []
    for (const percent of percents) queues.push({ queueId: await org.addQueue(), percent })
    const rules = [{ name: 'Split', when: textHas('o'), queues }]

    await refused(
      org.admin.put(`/v1/workstreams/${workstream}/routing-rules`, { rules }),
      422,
      'validation_failed',
    )
  })

  it('a rule leads to one queue or to several, not to both or none', async () => {
    const put = (rule: object) =>
      org.admin.put(`/v1/workstreams/${workstream}/routing-rules`, {
        rules: [{ name: 'A', when: textHas('o'), ...rule }],
      })

    await refused(put({}), 422, 'validation_failed')
    await refused(
      put({ queueId: queue, queues: [{ queueId: queue, percent: 100 }] }),
      422,
      'validation_failed',
    )
  })
})

describe('why', () => {
  it('an offer keeps whom assignment looked at, and what ruled each out at that moment', async () => {
    const chosen = await org.addAgent({ queues: [queue], capacityUnits: 9 })
    const away = await org.addAgent({ queues: [queue], presence: 'away' })
    const full = await org.addAgent({ queues: [queue], capacityUnits: 0 })
    const id = await customerTexts('Hello')
    await org.conversation(id, isOffer)
    await done(org.as(away).put('/v1/me/presence', { presence: 'available' }), 200)

    const { assignment, routing } = await whyOf(id)

    expect(routing).toBeNull()
    expect(assignment).toMatchObject({ agentId: chosen.id, others: 0 })
    expect(assignment.agents).toEqual(
      expect.arrayContaining([
        { id: chosen.id, name: chosen.name, ruledOutBy: [] },
        { id: away.id, name: away.name, ruledOutBy: ['presence'] },
        { id: full.id, name: full.name, ruledOutBy: ['capacity'] },
      ]),
    )
  })

  it('of what waits it tells who would be chosen now; a decline rules out', async () => {
    const agent = await org.addAgent({ queues: [queue], capacityUnits: 9 })
    const id = await customerTexts('Hello')
    await org.conversation(id, isOffer)
    await done(org.as(agent).post(`/v1/conversations/${id}/reject`), 200)

    expect((await whyOf(id)).assignment).toMatchObject({
      agentId: null,
      agents: [{ id: agent.id, ruledOutBy: ['declined'] }],
    })
  })

  it('an organization cannot read the record of another, and a supervisor only that of their queues', async () => {
    const id = await customerTexts('Hello')
    const stranger = await TestOrganization.create(service)
    const outsider = await org.addAgent({ role: 'supervisor', queues: [] })
    const supervisor = await org.addAgent({ role: 'supervisor', queues: [queue] })

    await refused(stranger.admin.get(`/v1/conversations/${id}/routing`), 404, 'not_found')
    await refused(org.as(outsider).get(`/v1/conversations/${id}/routing`), 404, 'not_found')
    await done(org.as(supervisor).get(`/v1/conversations/${id}/routing`), 200)
  })
})

describe('trying', () => {
  it('takes the same path for a phone number and a text, and creates nothing', async () => {
    const french = await addSkill('French')
    const vip = await queueOfSomebody()
    await classify({
      name: 'Language',
      rules: [
        {
          name: 'French',
          when: textHas('bonjour'),
          set: { skills: [{ skillId: french, rating: 1 }], context: { lang: 'fr' } },
        },
      ],
    })
    await route({ name: 'French', when: { field: 'context.lang', op: 'equals', value: 'fr' }, queueId: vip })
    const agent = await org.addAgent({ queues: [vip] })
    await giveSkills(agent, { [french]: 1 })
    const unskilled = await org.addAgent({ queues: [vip] })

    const tried = await tryText('Bonjour')
    const happened = await whyOf((await org.conversation(await customerTexts('Bonjour'), isOffer)).id)

    const lasting = ({
      routing: { at: _at, ...routing },
      assignment: { agentId, agents },
      queueId,
    }: any) => ({
      ...{ routing, agentId, queueId },
      agents: agents.toSorted((a: any, b: any) => (a.id < b.id ? -1 : 1)),
    })
    expect(lasting(tried)).toEqual(lasting(happened))
    expect(tried.assignment.agents).toContainEqual({
      id: unskilled.id,
      name: unskilled.name,
      ruledOutBy: ['skill'],
    })
    expect((await org.admin.get('/v1/conversations')).body.data).toHaveLength(1)
  })

  it('knows the contact behind the number, and takes context along', async () => {
    const vip = await queueOfSomebody()
    const customer = newCustomer()
    await done(org.admin.post('/v1/contacts', { name: 'Casey', mobilePhone: customer }), 201)
    await route(
      { name: 'Casey', when: { field: 'contact.name', op: 'equals', value: 'Casey' }, queueId: vip },
      { name: 'Gold', when: { field: 'context.tier', op: 'equals', value: 'gold' }, queueId: vip },
    )

    expect((await tryText('Hello', { customerAddress: customer })).routing).toMatchObject({
      reason: 'rule',
      tried: 1,
    })
    expect((await tryText('Hello', { context: { tier: 'gold' } })).routing).toMatchObject({
      reason: 'rule',
      tried: 2,
    })
    expect((await tryText('Hello')).routing).toMatchObject({ reason: 'no_match', queueId: queue })
  })
})
