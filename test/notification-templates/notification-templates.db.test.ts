import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { minutes, seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { EventListener } from '../support/event-listener.js'
import { done, newCustomer, refused, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

let made = 0

/** An organization whose workstream has this template in these slots. */
async function stage(
  template: Record<string, unknown>,
  slots = ['incomingUnauthenticated'],
  distribution = 'push',
) {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const workstream = await org.addWorkstream(number, { distribution })
  const body = { name: `Template ${++made}`, ...template }
  const { id } = (await done(org.admin.post('/v1/notification-templates', body), 201)).body
  const set = Object.fromEntries(slots.map((slot) => [slot, id]))
  await done(org.admin.put(`/v1/workstreams/${workstream}/notifications`, set), 200)
  const agent = await org.addAgent({ lasting: true })
  const offer = async (customer = newCustomer()) => {
    await org.customerTexts(customer, number, 'Where is my order?')
    return org.conversationOf(customer, ({ status }) => status === 'active')
  }
  return { org, number, workstream, template: id, agent, offer }
}

const standsFor = ({ offeredAt, offerExpiresAt }: any): number =>
  Date.parse(offerExpiresAt) - Date.parse(offeredAt)

describe('an offer', () => {
  it('stands as long as its template says, counts as a decline then, and the next one holds a changed template', async () => {
    const { org, template, agent, offer } = await stage({ name: 'Short', countdownSeconds: 30 })

    const first = await offer()
    const changed = { name: 'Longer', countdownSeconds: 300 }
    await done(org.admin.put(`/v1/notification-templates/${template}`, changed), 200)
    const second = await offer()
    clock.forward(seconds(31))

    expect([standsFor(first), standsFor(second)]).toEqual([seconds(30), seconds(300)])
    await org.conversation(first.id, ({ status }) => status === 'open')
    const sessions = (await done(org.admin.get(`/v1/conversations/${first.id}/sessions`), 200)).body.data
    expect(sessions[0].closureReason).toBe('agent_timeout')
    expect((await org.conversation(second.id)).agentId).toBe(agent.id)
  })

  it('has another template for customers who are known', async () => {
    const { org, offer } = await stage({ countdownSeconds: 30 }, ['incomingAuthenticated'])
    const known = newCustomer()
    await done(org.admin.post('/v1/contacts', { name: 'Casey', mobilePhone: known }), 201)

    expect([standsFor(await offer(known)), standsFor(await offer())]).toEqual([seconds(30), seconds(120)])
  })

  it('tells the agent what the template shows, with what the slugs stand for', async () => {
    const { org, agent, offer } = await stage({
      title: 'Text of {customerName}',
      showTimeout: false,
      acceptText: 'Take it',
      rejectText: null,
      desktopNotification: 'always',
      fields: [
        { label: 'Said', value: '"{firstText}" in {visitorLanguage}' },
        { label: 'Tier', value: '{context.tier}' },
      ],
    })
    const stream = await EventListener.open(service, agent.key)
    const customer = newCustomer()
    await offer(customer)

    const event = await stream.first(({ type }) => type === 'conversation.offered')
    stream.stop()

    expect(event.data.offer.notification).toEqual({
      title: `Text of ${customer}`,
      icon: null,
      showTimeout: false,
      countdownSeconds: 120,
      autoAssign: false,
      autoAccept: false,
      acceptText: 'Take it',
      rejectText: null,
      desktopNotification: 'always',
      fields: [
        { label: 'Said', value: '"Where is my order?" in en-US' },
        { label: 'Tier', value: '' },
      ],
    })
    expect(org.id).toBeDefined()
  })
})

describe('auto-assign', () => {
  it('makes it the agent’s when the countdown ends, and takes the reject away', async () => {
    const { org, agent, offer } = await stage({ countdownSeconds: 30, autoAssign: true })
    const { id } = await offer()

    const answer = await refused(
      org.as(agent).post(`/v1/conversations/${id}/reject`),
      409,
      'invalid_transition',
    )
    clock.forward(seconds(31))
    const assigned = await org.conversation(id, ({ acceptedAt }) => acceptedAt !== null)

    expect(answer.allowed).toEqual(['accept'])
    expect(assigned).toMatchObject({ status: 'active', agentId: agent.id })
    expect((await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body.usedUnits).toBe(1)
  })

  it('with auto-accept it is the agent’s at once', async () => {
    const { org, agent, offer } = await stage({ autoAssign: true, autoAccept: true })

    const { id } = await offer()

    const assigned = await org.conversation(id, ({ acceptedAt }) => acceptedAt !== null)
    expect(assigned).toMatchObject({ status: 'active', agentId: agent.id })
    await done(org.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'On its way' }), 202)
  })

  it('of a transfer the first agent keeps it until the countdown ends, then it is the other’s', async () => {
    const { org, agent, offer } = await stage({ countdownSeconds: 60, autoAssign: true }, ['transfer'])
    const other = await org.addAgent({ lasting: true })
    const { id, agentId } = await offer()
    const [holder, taker] = agentId === agent.id ? [agent, other] : [other, agent]
    await done(org.as(holder).post(`/v1/conversations/${id}/accept`), 200)
    await done(org.as(holder).post(`/v1/conversations/${id}/transfer`, { agentId: taker.id }), 200)
    await refused(org.as(taker).post(`/v1/conversations/${id}/reject`), 409, 'invalid_transition')

    const before = (await org.conversation(id)).agentId
    clock.forward(seconds(61))
    await org.conversation(id, (row) => row.agentId === taker.id)

    const used = async (of: { id: string }) =>
      (await done(org.admin.get(`/v1/agents/${of.id}`), 200)).body.usedUnits
    expect(before).toBe(holder.id)
    expect([await used(holder), await used(taker)]).toEqual([0, 1])
  })

  it('of what a supervisor assigns: it stands as long as the template says, and then it is the agent’s', async () => {
    const { org, number, agent } = await stage(
      { countdownSeconds: 45, autoAssign: true },
      ['supervisorAssign'],
      'pick',
    )
    const supervisor = await org.addAgent({ lasting: true, role: 'supervisor', presence: 'offline' })
    const customer = newCustomer()
    await org.customerTexts(customer, number, 'Hello')
    const { id } = await org.conversationOf(customer, ({ queueId }) => queueId !== null)
    const path = `/v1/conversations/${id}`
    const stream = await EventListener.open(service, agent.key)

    const assigned = await done(org.as(supervisor).post(`${path}/assign`, { agentId: agent.id }), 200)
    const offer = await stream.first(({ type }) => type === 'conversation.offered')
    stream.stop()
    await refused(org.as(agent).post(`${path}/reject`), 409, 'invalid_transition')
    clock.forward(seconds(46))
    const after = await org.conversation(id, ({ acceptedAt }) => acceptedAt !== null)

    expect(standsFor(assigned.body)).toBe(seconds(45))
    expect(offer.data.offer).toMatchObject({
      kind: 'supervisor_assign',
      notification: { countdownSeconds: 45, autoAssign: true, rejectText: null },
    })
    expect(after).toMatchObject({ status: 'active', agentId: agent.id })
  })

  it('never binds a consult', async () => {
    const { org, agent, offer } = await stage({ countdownSeconds: 60, autoAssign: true }, ['consult'])
    const other = await org.addAgent({ lasting: true, queues: [] })
    const { id } = await offer()
    await done(org.as(agent).post(`/v1/conversations/${id}/accept`), 200)
    const asked = await done(
      org.as(agent).post(`/v1/conversations/${id}/consults`, { agentId: other.id }),
      201,
    )

    clock.forward(minutes(2))

    const ended = await eventually(
      async () => (await done(org.as(agent).get(`/v1/conversations/${id}/consults`), 200)).body.data[0],
      (consult) => consult.endedAt !== null,
    )
    expect(ended.acceptedAt).toBeNull()
    expect(asked.body.id).toBe(ended.id)
  })
})

describe('a template', () => {
  it('has the defaults of the service, and "Open" where it assigns by itself', async () => {
    const org = await TestOrganization.create(service)

    const plain = (await done(org.admin.post('/v1/notification-templates', { name: 'Plain' }), 201)).body
    const open = (
      await done(org.admin.post('/v1/notification-templates', { name: 'Open', autoAssign: true }), 201)
    ).body

    expect(plain).toMatchObject({
      title: '{customerName}',
      countdownSeconds: 120,
      showTimeout: true,
      autoAssign: false,
      autoAccept: false,
      acceptText: 'Accept',
      rejectText: 'Reject',
      desktopNotification: 'never',
      fields: [],
    })
    expect(open).toMatchObject({ acceptText: 'Open', rejectText: null })
  })

  it('that a workstream uses cannot be deleted', async () => {
    const { org, template, workstream } = await stage({})

    await refused(org.admin.delete(`/v1/notification-templates/${template}`), 409, 'conflict')
    await done(org.admin.put(`/v1/workstreams/${workstream}/notifications`, {}), 200)
    await done(org.admin.delete(`/v1/notification-templates/${template}`), 204)
  })

  it.each<[string, object]>([
    ['more than four fields', { fields: Array.from({ length: 5 }, () => ({ label: 'a', value: 'b' })) }],
    ['an unknown slug', { title: '{customerMood}' }],
    ['an unknown slug in a field', { fields: [{ label: 'a', value: '{secret}' }] }],
    ['auto-accept without auto-assign', { autoAccept: true }],
    ['less than 10 seconds', { countdownSeconds: 9 }],
    ['more than an hour', { countdownSeconds: 3601 }],
  ])('is refused with %s', async (_title, wrong) => {
    const org = await TestOrganization.create(service)

    await refused(
      org.admin.post('/v1/notification-templates', { name: 'Wrong', ...wrong }),
      422,
      'validation_failed',
    )
  })
})
