import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { days, hours, minutes } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done, newCustomer, refused, type TestAgent, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

const say = (to: 'agent' | 'customer', text: string) => ({
  type: 'message',
  to,
  texts: { 'en-US': text, 'de-DE': `${text} (de)` },
  defaultLanguage: 'en-US',
})

const rule = (event: 'customer' | 'agent', value: number, action: unknown, more: object = {}) => ({
  name: `${event} after ${value}`,
  event: `${event}_no_response`,
  after: { value, unit: 'minutes' },
  action,
  ...more,
})

/** A conversation that its agent has accepted, in a workstream with these rules. */
async function stage(rules: unknown[], workstream: Record<string, unknown> = {}) {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const workstreamId = await org.addWorkstream(number, workstream)
  const put = (all: unknown[]) =>
    done(org.admin.put(`/v1/workstreams/${workstreamId}/timeout-rules`, { rules: all }), 200)
  await put(rules)
  const agent = await org.addAgent({ lasting: true })
  const customer = newCustomer()
  const { id } = await org.acceptedConversation(agent, number, customer)
  const answer = (text = 'One moment') =>
    done(org.as(agent).post(`/v1/conversations/${id}/messages`, { text }), 202)
  return { org, number, agent, customer, id, answer, put, texts: () => textsOf(org, id) }
}

const textsOf = async (org: TestOrganization, id: string): Promise<string[]> =>
  (await org.messages(id)).map(({ author, text }) => `${author.type}: ${text}`)

const session = async (org: TestOrganization, id: string): Promise<any> =>
  (await done(org.admin.get(`/v1/conversations/${id}/sessions`), 200)).body.data.at(-1)

const used = async (org: TestOrganization, agent: TestAgent): Promise<number> =>
  (await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body.usedUnits

describe('an agent who does not answer', () => {
  it('is reminded once in a silence, by a note that only agents see', async () => {
    const { org, customer, number, id, texts, answer } = await stage([
      rule('agent', 10, say('agent', 'Hurry')),
    ])

    clock.forward(minutes(11))
    await eventually(texts, (all) => all.includes('system: Hurry'))
    clock.forward(hours(10))
    await answer()
    await org.customerTexts(customer, number, 'Hello again')
    await eventually(texts, (all) => all.includes('customer: Hello again'))
    clock.forward(minutes(11))
    const all = await eventually(
      texts,
      (found) => found.filter((text) => text === 'system: Hurry').length > 1,
    )

    expect(all).toEqual([
      'customer: Hello',
      'system: Hurry',
      'agent: One moment',
      'customer: Hello again',
      'system: Hurry',
    ])
    const note = (await org.messages(id))[1]
    expect(note).toMatchObject({ direction: 'internal', kind: 'system', status: null })
  })

  it('an answer in time is the end of it', async () => {
    const { texts, answer, org, id } = await stage([
      rule('agent', 10, say('agent', 'Hurry')),
      rule('customer', 30, say('agent', 'Silent')),
    ])

    await answer()
    clock.forward(minutes(31))

    await eventually(texts, (found) => found.includes('system: Silent'))
    expect(await textsOf(org, id)).not.toContain('system: Hurry')
  })
})

describe('a customer who does not answer', () => {
  it('is written to in their language, and the clock runs on', async () => {
    const { org, answer, customer, id } = await stage([
      rule('customer', 5, say('customer', 'Are you there?')),
      rule('customer', 15, { type: 'close' }),
    ])
    await answer()
    const { lastMessageAt } = await org.conversation(id)

    clock.forward(minutes(6))
    const said = await eventually(
      () => org.messages(id),
      (all) => all.length === 3 && all[2].status !== 'queued' && all[2].status !== 'sending',
    )
    clock.forward(minutes(10))
    const closed = await org.conversation(id, ({ status }) => status === 'closed')

    expect(said[2]).toMatchObject({
      direction: 'outbound',
      text: 'Are you there?',
      author: { type: 'system' },
    })
    expect(closed.statusReason).toBe('auto_closed_by_system')
    const silence = Date.parse(closed.closedAt) - Date.parse(lastMessageAt)
    expect(silence).toBeLessThan(minutes(20))
    expect(customer).toBe(closed.customerAddress)
  })

  it('lets the conversation wait, and it returns to the agent when they write', async () => {
    const { org, agent, number, customer, answer, id } = await stage([
      rule('customer', 5, { type: 'move_to_waiting' }),
    ])
    await answer()

    clock.forward(minutes(6))
    const waiting = await org.conversation(id, ({ status }) => status === 'waiting')
    const ended = await session(org, id)
    const free = await used(org, agent)
    await org.customerTexts(customer, number, 'Here I am')

    expect(waiting.agentId).toBe(agent.id)
    expect(free).toBe(0)
    expect(ended.closureReason).toBe('customer_non_response_timeout_rule')
    expect(await org.conversation(id, ({ status }) => status === 'active')).toMatchObject({
      agentId: agent.id,
    })
  })

  it.each(['waiting', 'wrap_up'])('in %s only what that state allows is done', async (state) => {
    const { org, agent, answer, id, texts } = await stage([
      rule('customer', 5, { type: 'move_to_waiting' }),
      rule('customer', 10, say('agent', 'Silent')),
      rule('customer', 20, { type: 'close' }),
    ])
    await answer()
    await done(org.as(agent).post(`/v1/conversations/${id}/${state === 'waiting' ? 'close' : 'end'}`), 200)

    clock.forward(minutes(21))
    if (state === 'waiting') await org.conversation(id, ({ status }) => status === 'closed')
    await service.parts.jobs.wake('timers', org.id)

    expect(await texts()).toEqual([
      'customer: Hello',
      'agent: One moment',
      ...(state === 'waiting' ? ['system: Silent'] : []),
    ])
    expect((await org.conversation(id)).status).toBe(state === 'waiting' ? 'closed' : 'wrap_up')
  })

  it('of two rules for the same moment the lower number is done, and a rule that is off is not', async () => {
    const { answer, texts } = await stage([
      rule('customer', 5, say('agent', 'second'), { priority: 20 }),
      rule('customer', 5, say('agent', 'first'), { priority: 10 }),
      rule('customer', 5, say('agent', 'off'), { priority: 1, active: false }),
      rule('customer', 6, say('agent', 'last')),
    ])
    await answer()

    clock.forward(minutes(7))

    const all = await eventually(texts, (found) => found.includes('system: last'))
    expect(all.slice(2)).toEqual(['system: first', 'system: last'])
  })
})

it('an open conversation that nobody takes is closed by a rule, and gives back what was offered', async () => {
  const { org, number, agent, put } = await stage([])
  await put([rule('agent', 3, { type: 'close' })])
  const customers = [newCustomer(), newCustomer()]
  const offers = await Promise.all(
    customers.map(async (customer) => {
      await org.customerTexts(customer, number, 'Hello')
      return org.conversationOf(customer, ({ status }) => status === 'active')
    }),
  )
  await done(org.as(agent).put('/v1/me/presence', { presence: 'away' }), 200)
  await done(org.as(agent).post(`/v1/conversations/${offers[0].id}/reject`), 200)

  clock.forward(minutes(4))

  for (const { id } of offers) await org.conversation(id, ({ status }) => status === 'closed')
  // The one that stage accepted has no rule that counts: its last message came before them
  expect(await used(org, agent)).toBe(1)
})

it('rules that are changed while a silence is counted hold from the next message on', async () => {
  const { org, answer, put, texts, id } = await stage([rule('customer', 5, say('agent', 'old'))])
  await answer()

  await put([rule('customer', 5, say('agent', 'new')), rule('customer', 8, say('agent', 'later'))])
  clock.forward(minutes(9))
  const first = await eventually(texts, (found) => found.includes('system: later'))
  await put([])
  await answer('Still here?')
  clock.forward(days(1))
  await service.parts.jobs.wake('timers', org.id)

  expect(first.slice(2)).toEqual(['system: new', 'system: later'])
  expect((await textsOf(org, id)).length).toBe(5)
})

it('a customer who has opted out is not written to', async () => {
  const { org, number, customer, answer, texts } = await stage([
    rule('customer', 5, say('customer', 'Are you there?')),
    rule('customer', 6, say('agent', 'Silent')),
  ])
  await answer()
  await done(org.admin.get('/v1/opt-outs'), 200)
  await org.customerTexts(customer, number, 'STOP')
  await eventually(texts, (found) => found.some((text) => text.includes('STOP')))
  // The agent's answer before counts no more: now it is the agent who is silent
  clock.forward(minutes(7))
  await service.parts.jobs.wake('timers', org.id)

  expect(await texts()).not.toContain('system: Are you there?')
})

describe('refused', () => {
  it.each<[string, object]>([
    ['no time', { after: { value: 0, unit: 'minutes' } }],
    ['more than a year', { after: { value: 366, unit: 'days' } }],
    ['another unit', { after: { value: 1, unit: 'weeks' } }],
    ['no text in the default language', { action: { ...say('agent', 'Hi'), defaultLanguage: 'fr-FR' } }],
    ['a text that cannot be sent', { action: say('customer', 'x'.repeat(1601)) }],
    ['another action', { action: { type: 'escalate' } }],
    ['a priority out of range', { priority: 0 }],
  ])('%s', async (_title, wrong) => {
    const org = await TestOrganization.create(service)
    const workstream = (await done(org.admin.get('/v1/workstreams'), 200)).body.data[0].id
    const rules = [{ ...rule('customer', 5, { type: 'close' }), ...wrong }]

    await refused(
      org.admin.put(`/v1/workstreams/${workstream}/timeout-rules`, { rules }),
      422,
      'validation_failed',
    )
  })
})
