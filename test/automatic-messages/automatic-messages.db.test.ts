import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { post, twilioText } from '../channels/provider-calls.js'
import { TestClock } from '../support/clock.js'
import {
  done,
  newCustomer,
  refused,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { runSql } from '../support/sql.js'

let service: TestService
const clock = new TestClock()

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

/** An organization with an agent and a number, in whose queue or workstream a test puts what it wants. */
class Stage {
  readonly org!: TestOrganization
  readonly agent!: TestAgent
  readonly number!: TestNumber
  readonly queueId!: string
  readonly workstreamId!: string
  readonly channelId!: string

  private constructor(
    parts: Pick<Stage, 'org' | 'agent' | 'number' | 'queueId' | 'workstreamId' | 'channelId'>,
  ) {
    Object.assign(this, parts)
  }

  static async set(
    kind: 'twilio sms' | 'twilio whatsapp' = 'twilio sms',
    given: { presence?: string; language?: string } = {},
  ): Promise<Stage> {
    const org = await TestOrganization.create(service)
    const queueId = await org.defaultQueue()
    const agent = await org.addAgent({
      name: 'Sam',
      presence: given.presence ?? 'offline',
      lasting: true,
      capacityUnits: 50,
    })
    const number = await org.addNumber(kind)
    const workstreamId = await org.addWorkstream(number, { channel: kind.split(' ')[1] })
    const path = `/v1/workstreams/${workstreamId}/channels`
    const { body } = await done(org.admin.get(path), 200)
    const channelId = body.data[0].id
    if (given.language) {
      await done(org.admin.patch(`${path}/${channelId}`, { language: given.language }), 200)
    }
    return new Stage({ org, agent, number, queueId, workstreamId, channelId })
  }

  async say(trigger: string, body: Record<string, unknown> = {}): Promise<any> {
    const message = { channel: 'sms', trigger, active: true, texts: { en: `<${trigger}>` }, ...body }
    return (await done(this.org.admin.post('/v1/automatic-messages', message), 201)).body
  }

  async hours(body: object): Promise<string> {
    return (await done(this.org.admin.post('/v1/operating-hours', { name: 'Hours', ...body }), 201)).body.id
  }

  async keepNumberTo(operatingHoursId: string): Promise<void> {
    const path = `/v1/workstreams/${this.workstreamId}/channels/${this.channelId}`
    await done(this.org.admin.patch(path, { operatingHoursId }), 200)
  }

  async keepQueueTo(operatingHoursId: string): Promise<void> {
    await done(this.org.admin.patch(`/v1/queues/${this.queueId}`, { operatingHoursId }), 200)
  }

  /** What was said by itself to a customer so far, in their order. */
  async said(customer: string): Promise<string[]> {
    const { body } = await done(
      this.org.admin.get(`/v1/conversations?customerAddress=${encodeURIComponent(customer)}`),
      200,
    )
    const texts: string[] = []
    for (const { id } of body.data.toReversed()) {
      const messages = await this.org.messages(id)
      texts.push(
        ...messages
          .filter(({ kind, direction }) => kind === 'system' && direction === 'outbound')
          .map(({ text }) => text),
      )
    }
    return texts
  }

  saidAtLast(customer: string, wanted: string[]): Promise<string[]> {
    return eventually(
      () => this.said(customer),
      (said) => said.length >= wanted.length,
    )
  }

  /** The customer's text has been attached and its conversation was led to a queue. */
  async texted(customer: string, text = 'Hello', more: object = {}): Promise<any> {
    await this.org.customerTexts(customer, this.number, text, { ...more })
    return this.org.conversationOf(customer, ({ queueId }) => queueId !== null)
  }

  act(conversationId: string, call: string) {
    return done(this.org.as(this.agent).post(`/v1/conversations/${conversationId}/${call}`), 200)
  }

  /** Picked, and closed until the customer writes again. */
  async madeToWait(conversationId: string): Promise<void> {
    await this.act(conversationId, 'pick')
    await this.act(conversationId, 'close')
  }
}

const never = { weekly: {} }
const always = {
  weekly: Object.fromEntries(
    ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'].map((day) => [
      day,
      [{ from: '00:00', to: '24:00' }],
    ]),
  ),
}

describe('an automatic message', () => {
  it('is inactive, with a text of the service, until an admin says otherwise', async () => {
    const stage = await Stage.set()
    const { body: made } = await done(
      stage.org.admin.post('/v1/automatic-messages', { channel: 'sms', trigger: 'conversation_started' }),
      201,
    )
    const silent = newCustomer()
    await stage.texted(silent)
    await done(stage.org.admin.patch(`/v1/automatic-messages/${made.id}`, { active: true }), 200)
    const greeted = newCustomer()
    await stage.texted(greeted)

    expect(made).toMatchObject({
      active: false,
      workstreamChannelId: null,
      defaultLanguage: 'en',
      texts: { en: expect.stringContaining('Thank you') },
    })
    expect(await stage.said(silent)).toEqual([])
    expect(await stage.said(greeted)).toEqual([made.texts.en])
  })

  it('reaches the customer as a message of the system, and counts as nobody’s answer', async () => {
    const stage = await Stage.set()
    await stage.say('conversation_started')
    const customer = newCustomer()

    const { id } = await stage.texted(customer)
    const message = await eventually(
      async () => (await stage.org.messages(id)).find(({ kind }) => kind === 'system'),
      (found) => found?.status === 'delivered',
    )
    const conversation = await stage.org.conversation(id)

    expect(message).toMatchObject({
      direction: 'outbound',
      kind: 'system',
      author: { type: 'system', id: null, name: null },
      text: '<conversation_started>',
      error: null,
    })
    expect(conversation).toMatchObject({ status: 'open', unreadCount: 1, agentId: null })
    expect(
      await runSql(service, 'SELECT last_agent_message_at FROM conversations WHERE id = $1', [id]),
    ).toEqual([{ last_agent_message_at: null }])
    const phone = await fetch(`${service.simulator.url}/phones/${encodeURIComponent(customer)}/messages`)
    expect(await phone.text()).toContain('<conversation_started>')
  })

  it('accompanies a conversation from the first text to its end, with the names filled in', async () => {
    const stage = await Stage.set('twilio sms', { presence: 'available' })
    await stage.say('conversation_started')
    for (const trigger of ['agent_assigned', 'agent_joined', 'conversation_ended', 'session_ended'])
      await stage.say(trigger, { texts: { en: `<${trigger}> {AgentName} of {QueueName}` } })
    const customer = newCustomer()
    const { id } = await stage.texted(customer)
    await stage.org.conversation(id, ({ status }) => status === 'active')

    await stage.act(id, 'accept')
    await stage.act(id, 'accept')
    await stage.act(id, 'end')
    await stage.act(id, 'close')

    const names = 'Sam of Default queue'
    expect(await stage.said(customer)).toEqual([
      '<conversation_started>',
      `<agent_assigned> ${names}`,
      `<agent_joined> ${names}`,
      `<conversation_ended> ${names}`,
      `<session_ended> ${names}`,
    ])
  })

  it('tells who wrote when the overflow of a queue ends the conversation', async () => {
    const stage = await Stage.set()
    await stage.say('overflow_ended')
    const queueId = await stage.org.addQueue()
    await stage.org.addAgent({ queues: [queueId], presence: 'offline' })
    const when = { field: 'channel', op: 'equals', value: 'sms' }
    const rules = [{ name: 'All', when, queueId }]
    await done(stage.org.admin.put(`/v1/workstreams/${stage.workstreamId}/routing-rules`, { rules }), 200)
    const overflow = { itemLimit: { limit: 1, action: 'end_conversation' } }
    await done(stage.org.admin.patch(`/v1/queues/${queueId}`, { overflow }), 200)
    const [first, second] = [newCustomer(), newCustomer()]

    await stage.texted(first)
    await stage.org.customerTexts(second, stage.number, 'Hello')
    const ended = await stage.org.conversationOf(second, ({ status }) => status === 'closed')

    expect(ended.statusReason).toBe('closed_due_to_overflow')
    expect(await stage.saidAtLast(second, ['<overflow_ended>'])).toEqual(['<overflow_ended>'])
    expect(await stage.said(first)).toEqual([])
  })

  it('names who has taken over after a transfer', async () => {
    const stage = await Stage.set()
    await stage.say('transfer_accepted', { texts: { en: '{AgentName} has taken over' } })
    const other = await stage.org.addAgent({ name: 'Robin', presence: 'available' })
    const customer = newCustomer()
    const { id } = await stage.texted(customer)
    await stage.org.conversation(id, ({ agentId }) => agentId === other.id)
    await done(stage.org.as(other).post(`/v1/conversations/${id}/accept`), 200)
    await done(stage.org.as(stage.agent).put('/v1/me/presence', { presence: 'available' }), 200)
    await done(stage.org.as(other).post(`/v1/conversations/${id}/transfer`, { agentId: stage.agent.id }), 200)
    const before = await stage.said(customer)

    await stage.act(id, 'accept')

    expect(before).toEqual([])
    expect(await stage.said(customer)).toEqual(['Sam has taken over'])
  })

  it('tells who joins and leaves beside the agent, and nothing of those who only read', async () => {
    const stage = await Stage.set('twilio sms', { presence: 'available' })
    for (const trigger of ['participant_joined', 'participant_left'])
      await stage.say(trigger, { texts: { en: `<${trigger}> {AgentName}` } })
    const { org, agent } = stage
    const [expert, reader] = [await org.addAgent({ name: 'Eve' }), await org.addAgent({ name: 'Rae' })]
    const supervisor = await org.addAgent({ name: 'Sue', role: 'supervisor', presence: 'offline' })
    for (const one of [expert, reader])
      await done(org.as(one).put('/v1/me/presence', { presence: 'away' }), 200)
    const customer = newCustomer()
    const { id } = await org.acceptedConversation(agent, stage.number, customer)
    for (const one of [expert, reader])
      await done(org.as(one).put('/v1/me/presence', { presence: 'available' }), 200)
    const path = `/v1/conversations/${id}`
    const consult = async (who: TestAgent): Promise<string> => {
      const { body } = await done(org.as(agent).post(`${path}/consults`, { agentId: who.id }), 201)
      await done(org.as(who).post(`${path}/accept`), 200)
      return `${path}/consults/${body.id}`
    }

    await done(org.as(supervisor).post(`${path}/monitor`), 200)
    await done(org.as(supervisor).post(`${path}/join`), 200)
    await done(org.as(supervisor).post(`${path}/join`), 200)
    const [added, read] = [await consult(expert), await consult(reader)]
    await done(org.as(agent).post(`${added}/add`), 200)
    await done(org.as(reader).post(`${read}/leave`), 200)
    await done(org.as(agent).post(`${added}/remove`), 200)
    await done(org.as(supervisor).delete(`${path}/monitor`), 200)

    expect(await stage.said(customer)).toEqual([
      '<participant_joined> Sue',
      '<participant_joined> Eve',
      '<participant_left> Eve',
      '<participant_left> Sue',
    ])
  })

  it('tells who is consulted and who no longer is: not who says no, who monitors, or whom the end takes along', async () => {
    const stage = await Stage.set('twilio sms', { presence: 'available' })
    for (const trigger of ['consult_accepted', 'consult_ended'])
      await stage.say(trigger, { texts: { en: `<${trigger}> {AgentName}` } })
    const { org, agent } = stage
    const customer = newCustomer()
    const { id } = await org.acceptedConversation(agent, stage.number, customer)
    const expert = await org.addAgent({ name: 'Eve' })
    const supervisor = await org.addAgent({ name: 'Sue', role: 'supervisor', presence: 'offline' })
    const path = `/v1/conversations/${id}`
    const invite = async (): Promise<string> => {
      const { body } = await done(org.as(agent).post(`${path}/consults`, { agentId: expert.id }), 201)
      return `${path}/consults/${body.id}`
    }

    await invite()
    await done(org.as(expert).post(`${path}/reject`), 200)
    await done(org.as(agent).post(`${await invite()}/remove`), 200)
    const consult = await invite()
    await done(org.as(expert).post(`${path}/accept`), 200)
    await done(org.as(supervisor).post(`${path}/monitor`), 200)
    await done(org.as(supervisor).delete(`${path}/monitor`), 200)
    await done(org.as(expert).post(`${consult}/leave`), 200)
    await invite()
    await done(org.as(expert).post(`${path}/accept`), 200)
    await done(org.as(agent).post(`${path}/close`), 200)

    expect(await stage.said(customer)).toEqual([
      '<consult_accepted> Eve',
      '<consult_ended> Eve',
      '<consult_accepted> Eve',
    ])
  })

  it('of a number takes the place of that of its channel, and keeps it back where it is inactive', async () => {
    const stage = await Stage.set()
    const other = await stage.org.addNumber('twilio sms')
    await stage.say('conversation_started', { texts: { en: 'For all' } })
    const own = await stage.say('conversation_started', {
      workstreamChannelId: stage.channelId,
      texts: { en: 'For this number' },
    })
    const [first, second, third] = [newCustomer(), newCustomer(), newCustomer()]

    await stage.texted(first)
    await stage.org.customerTexts(second, other, 'Hello')
    await stage.org.conversationOf(second)
    await done(stage.org.admin.patch(`/v1/automatic-messages/${own.id}`, { active: false }), 200)
    await stage.texted(third)

    expect(await stage.said(first)).toEqual(['For this number'])
    expect(await stage.said(second)).toEqual(['For all'])
    expect(await stage.said(third)).toEqual([])
  })

  it.each([
    ['de-AT', 'Grüß Gott'],
    ['de-CH', 'Guten Tag'],
    ['fr-FR', 'Hello'],
  ])('in a conversation in %s says "%s"', async (language, expected) => {
    const stage = await Stage.set('twilio sms', { language })
    await stage.say('conversation_started', {
      texts: { de: 'Guten Tag', 'de-at': 'Grüß Gott', 'en-US': 'Hello' },
      defaultLanguage: 'en-us',
    })
    const customer = newCustomer()

    await stage.texted(customer)

    expect(await stage.said(customer)).toEqual([expected])
  })

  it('is not said where the workstream has switched them off', async () => {
    const stage = await Stage.set()
    await stage.say('conversation_started')
    await done(
      stage.org.admin.patch(`/v1/workstreams/${stage.workstreamId}`, { automaticMessages: false }),
      200,
    )
    const customer = newCustomer()

    await stage.texted(customer)

    expect(await stage.said(customer)).toEqual([])
  })

  it('that is too long once the names are filled in tells the agents so, and nothing goes out', async () => {
    const stage = await Stage.set()
    await stage.say('agent_joined', { texts: { en: `${'x'.repeat(1598)}{AgentName}` } })
    const customer = newCustomer()
    const { id } = await stage.texted(customer)

    await stage.act(id, 'pick')

    const messages = await stage.org.messages(id)
    expect(messages.filter(({ direction }) => direction === 'outbound')).toEqual([])
    expect(messages.at(-1)).toMatchObject({
      direction: 'internal',
      kind: 'system',
      status: null,
      text: expect.stringContaining('1601 characters'),
    })
  })
})

describe('that nobody could be assigned', () => {
  /** Conversations of the number go to a queue without any members. */
  async function unmanned() {
    const stage = await Stage.set()
    await stage.say('assignment_failed')
    const queueId = await stage.org.addQueue()
    const change = { fallbackQueueId: queueId }
    await done(stage.org.admin.patch(`/v1/workstreams/${stage.workstreamId}`, change), 200)
    return { stage, queueId }
  }

  it('is said once where the queue has no members, and not for the next message', async () => {
    const { stage } = await unmanned()
    const customer = newCustomer()

    await stage.texted(customer)
    const said = await stage.saidAtLast(customer, ['<assignment_failed>'])
    await stage.texted(customer, 'Are you there?')
    await eventually(
      async () => (await stage.org.messages((await stage.org.conversationOf(customer)).id)).length,
      (count) => count === 3,
    )

    expect(said).toEqual(['<assignment_failed>'])
    expect(await stage.said(customer)).toEqual(['<assignment_failed>'])
  })

  it('is said where the organization closes the conversation for that', async () => {
    const { stage } = await unmanned()
    await done(stage.org.admin.put('/v1/routing-settings', { queueWithoutMembers: 'close' }), 200)
    const customer = newCustomer()

    await stage.org.customerTexts(customer, stage.number, 'Hello')
    await stage.org.conversationOf(customer, ({ status }) => status === 'closed')

    expect(await stage.saidAtLast(customer, ['<assignment_failed>'])).toEqual(['<assignment_failed>'])
  })

  it('gives way to what is said out of hours', async () => {
    const { stage, queueId } = await unmanned()
    await stage.say('out_of_hours')
    const closed = await stage.hours({ weekly: {} })
    await done(stage.org.admin.patch(`/v1/queues/${queueId}`, { operatingHoursId: closed }), 200)
    const customer = newCustomer()

    await stage.texted(customer)

    expect(await stage.saidAtLast(customer, ['<out_of_hours>'])).toEqual(['<out_of_hours>'])
  })

  it('is said when a conversation is transferred to such a queue', async () => {
    const stage = await Stage.set('twilio sms', { presence: 'available' })
    await stage.say('assignment_failed')
    const customer = newCustomer()
    const { id } = await stage.texted(customer)
    await stage.org.conversation(id, ({ status }) => status === 'active')
    await stage.act(id, 'accept')
    const before = await stage.said(customer)

    const queueId = await stage.org.addQueue()
    const worker = stage.org.as(stage.agent)
    await done(worker.post(`/v1/conversations/${id}/transfer`, { queueId }), 200)

    expect(before).toEqual([])
    expect(await stage.said(customer)).toEqual(['<assignment_failed>'])
  })

  it('is not said while the members are only busy or away', async () => {
    const stage = await Stage.set('twilio sms', { presence: 'away' })
    await stage.say('assignment_failed')
    const customer = newCustomer()

    await stage.texted(customer)
    const other = newCustomer()
    await stage.texted(other)

    expect([await stage.said(customer), await stage.said(other)]).toEqual([[], []])
  })
})

describe('out of hours', () => {
  it('is said once when a conversation begins and once each time it comes back, not for every message', async () => {
    const stage = await Stage.set()
    await stage.say('out_of_hours')
    await stage.say('conversation_started')
    await stage.keepNumberTo(await stage.hours(never))
    const customer = newCustomer()

    const { id } = await stage.texted(customer)
    await stage.org.customerTexts(customer, stage.number, 'Anybody there?')
    await stage.org.conversation(id, ({ unreadCount }) => unreadCount === 2)
    const first = await stage.said(customer)
    await stage.madeToWait(id)
    await stage.org.customerTexts(customer, stage.number, 'One more thing')
    await stage.org.conversation(id, ({ status }) => status === 'open')

    // In place of the greeting
    expect(first).toEqual(['<out_of_hours>'])
    expect(await stage.said(customer)).toEqual(['<out_of_hours>', '<out_of_hours>'])
  })

  it('is not said while the number is open, although its queue is closed: the number’s hours decide', async () => {
    const stage = await Stage.set()
    await stage.say('out_of_hours')
    await stage.keepNumberTo(await stage.hours(always))
    await stage.keepQueueTo(await stage.hours({ ...never, name: 'Closed' }))
    const customer = newCustomer()

    const { id } = await stage.texted(customer)
    await stage.madeToWait(id)
    await stage.org.customerTexts(customer, stage.number, 'Again')
    await stage.org.conversation(id, ({ status }) => status === 'open')

    expect(await stage.said(customer)).toEqual([])
  })

  it('is said once where number and queue are both closed', async () => {
    const stage = await Stage.set()
    await stage.say('out_of_hours')
    const closed = await stage.hours(never)
    await stage.keepNumberTo(closed)
    await stage.keepQueueTo(closed)
    const customer = newCustomer()

    await stage.texted(customer)

    expect(await stage.said(customer)).toEqual(['<out_of_hours>'])
  })

  it('is said for a closed queue where the number has no hours, as on WhatsApp', async () => {
    const stage = await Stage.set('twilio whatsapp')
    await stage.say('out_of_hours', { channel: 'whatsapp' })
    await stage.say('out_of_hours', { texts: { en: 'For SMS' } })
    await stage.keepQueueTo(await stage.hours(never))
    const customer = newCustomer()

    const { id } = await stage.texted(customer)
    const first = await stage.said(customer)
    await stage.madeToWait(id)
    await stage.org.customerTexts(customer, stage.number, 'Again')
    await stage.org.conversation(id, ({ status }) => status === 'open')

    expect(first).toEqual(['<out_of_hours>'])
    expect(await stage.said(customer)).toEqual(['<out_of_hours>', '<out_of_hours>'])
  })

  it('gives way to the holiday message on a holiday, and stands in where there is none', async () => {
    const stage = await Stage.set()
    await stage.say('out_of_hours')
    const today = clock.now().toISOString().slice(0, 10)
    await stage.keepNumberTo(
      await stage.hours({ ...always, holidays: [{ name: 'Today', from: today, to: today }] }),
    )
    const [before, after] = [newCustomer(), newCustomer()]

    await stage.texted(before)
    await stage.say('holiday')
    await stage.texted(after)

    expect(await stage.said(before)).toEqual(['<out_of_hours>'])
    expect(await stage.said(after)).toEqual(['<holiday>'])
  })
})

describe('nothing is said by itself', () => {
  it.each(['STOP', 'stop', 'HELP', 'START'])('in answer to "%s"', async (word) => {
    const stage = await Stage.set('twilio sms', { presence: 'available' })
    for (const trigger of ['conversation_started', 'out_of_hours', 'agent_assigned']) await stage.say(trigger)
    await stage.keepNumberTo(await stage.hours(never))
    const customer = newCustomer()

    const { id } = await stage.texted(customer, word)
    await stage.org.conversation(id, ({ status }) => status === 'active')

    expect(await stage.said(customer)).toEqual([])
  })

  it('in answer to words that Twilio has answered itself', async () => {
    const stage = await Stage.set()
    await stage.say('conversation_started')
    const customer = newCustomer()
    const account = { ...stage.number, calledUrl: stage.number.callbackUrl.replace(/#.*$/, '') }
    const params = { From: customer, To: stage.number.number, Body: 'Info bitte', OptOutType: 'HELP' }
    await post(service, twilioText(account, { params }))
    await stage.org.conversationOf(customer, ({ queueId }) => queueId !== null)

    expect(await stage.said(customer)).toEqual([])
  })

  it('to a customer who has opted out, whatever happens to the conversation', async () => {
    const stage = await Stage.set()
    await stage.say('agent_joined')
    await stage.say('conversation_ended')
    const customer = newCustomer()
    const { id } = await stage.texted(customer)
    await stage.act(id, 'pick')
    await stage.org.customerTexts(customer, stage.number, 'STOP')
    await stage.org.conversation(id, ({ unreadCount }) => unreadCount === 2)

    await stage.act(id, 'end')

    expect(await stage.said(customer)).toEqual(['<agent_joined>'])
  })

  it('on a channel that is switched off', async () => {
    const stage = await Stage.set()
    await stage.say('conversation_started')
    await done(
      service
        .as(service.platformKey)
        .patch(`/v1/organizations/${stage.org.id}`, { channels: { sms: false } }),
      200,
    )
    const customer = newCustomer()

    await stage.texted(customer)

    expect(await stage.said(customer)).toEqual([])
  })

  it('on WhatsApp 24 hours or more after the customer’s last message', async () => {
    const stage = await Stage.set('twilio whatsapp')
    await stage.say('agent_joined', { channel: 'whatsapp' })
    await stage.say('conversation_ended', { channel: 'whatsapp' })
    const customer = newCustomer()
    const { id } = await stage.texted(customer)
    await stage.act(id, 'pick')
    const inTime = await stage.said(customer)
    clock.forward(24 * 60 * 60 * 1000)

    await stage.act(id, 'end')
    const late = await stage.said(customer)
    clock.backToNow()

    expect(inTime).toEqual(['<agent_joined>'])
    expect(late).toEqual(['<agent_joined>'])
  })

  it('in answer to a message that was recovered from the provider’s list', async () => {
    const stage = await Stage.set()
    await stage.say('conversation_started')
    const customer = newCustomer()
    await tellProvider(service, 'faults', {
      on: 'callback',
      mode: 'lose_callback',
      accountId: stage.number.credentials['accountSid'],
      times: 0,
    })
    await fetch(`${service.simulator.url}/text`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ from: customer, to: stage.number.number, text: 'Lost' }),
    })
    await fetch(`${service.simulator.url}/faults`, { method: 'DELETE' })
    const since = new Date(Date.now() - 60_000).toISOString()
    await done(
      stage.org.admin.post(`/v1/channel-accounts/${stage.number.accountId}/backfill`, { since }),
      200,
    )
    const { id } = await stage.org.conversationOf(customer, ({ queueId }) => queueId !== null)

    expect((await stage.org.messages(id)).map(({ recovered }) => recovered)).toEqual([true])
    expect(await stage.said(customer)).toEqual([])
  })

  it('more than eight times in ten minutes to one customer: two robots come to an end', async () => {
    const stage = await Stage.set()
    await stage.say('conversation_started')
    await stage.say('session_ended')
    const customer = newCustomer()
    for (let round = 1; round <= 5; round++) {
      await stage.org.customerTexts(customer, stage.number, `I am a robot ${round}`)
      const { id } = await stage.org.conversationOf(
        customer,
        ({ status, queueId }) => status === 'open' && queueId !== null,
      )
      await stage.act(id, 'pick')
      await stage.act(id, 'end')
      await stage.act(id, 'close')
    }
    const first = await stage.said(customer)
    clock.forward(11 * 60 * 1000)

    await stage.org.customerTexts(customer, stage.number, 'I am a robot still')
    await stage.org.conversationOf(customer, ({ status }) => status === 'open')
    const second = await stage.said(customer)
    clock.backToNow()

    expect(first).toHaveLength(8)
    expect(second).toHaveLength(9)
  })
})

describe('the configuration', () => {
  it.each([
    ['an unknown slug', { texts: { en: 'Hello {CustomerName}' } }, 'texts.en'],
    ['a misspelt slug', { texts: { en: '{agentname}' } }, 'texts.en'],
    ['more than 2000 characters', { texts: { en: 'x'.repeat(2001) } }, 'texts.en'],
    ['more than can be sent', { texts: { en: `${'x'.repeat(1601)}{AgentName}` } }, 'texts.en'],
    ['a blank text', { texts: { en: ' ' } }, 'texts.en'],
    ['no text', { texts: {} }, 'texts'],
    ['none in the default language', { texts: { de: 'Hallo' } }, 'defaultLanguage'],
    ['a default language without a text', { defaultLanguage: 'de' }, 'defaultLanguage'],
    ['an unknown trigger', { trigger: 'position_in_queue' }, 'trigger'],
    [
      'a number of another channel',
      { channel: 'whatsapp', workstreamChannelId: 'own' },
      'workstreamChannelId',
    ],
  ])('refuses %s', async (_what, body, path) => {
    const stage = await Stage.set()
    const workstreamChannelId = 'workstreamChannelId' in body ? stage.channelId : null

    const answer = await stage.org.admin.post('/v1/automatic-messages', {
      channel: 'sms',
      trigger: 'conversation_started',
      ...body,
      workstreamChannelId,
    })

    expect(answer.status, JSON.stringify(answer.body)).toBe(422)
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ path }))
  })

  it('has one message for a trigger in each place, and forgets those of a number that is taken out', async () => {
    const stage = await Stage.set()
    await stage.say('conversation_started')
    const { id } = await stage.say('conversation_started', { workstreamChannelId: stage.channelId })
    await stage.say('conversation_started', { channel: 'whatsapp' })
    const again = { channel: 'sms', trigger: 'conversation_started' }

    await refused(stage.org.admin.post('/v1/automatic-messages', again), 409, 'conflict')
    const ownAgain = { ...again, workstreamChannelId: stage.channelId }
    await refused(stage.org.admin.post('/v1/automatic-messages', ownAgain), 409, 'conflict')
    await done(
      stage.org.admin.delete(`/v1/workstreams/${stage.workstreamId}/channels/${stage.channelId}`),
      204,
    )

    await refused(stage.org.admin.get(`/v1/automatic-messages/${id}`), 404, 'not_found')
    const { body } = await done(stage.org.admin.get('/v1/automatic-messages?channel=sms'), 200)
    expect(body.data.map(({ trigger }: any) => trigger)).toEqual(['conversation_started'])
  })

  it('changes what is said from the next step on', async () => {
    const stage = await Stage.set()
    const { id } = await stage.say('conversation_started')
    const changes = [
      [{ texts: { en: 'Changed' } }, ['Changed']],
      [{ active: false }, []],
    ] as const
    for (const [change, expected] of changes) {
      await done(stage.org.admin.patch(`/v1/automatic-messages/${id}`, change), 200)
      const customer = newCustomer()
      await stage.texted(customer)
      expect(await stage.said(customer)).toEqual(expected)
    }
    await done(stage.org.admin.delete(`/v1/automatic-messages/${id}`), 204)
    const audit = await runSql<{ action: string }>(
      service,
      `SELECT action FROM audit_log WHERE subject_id = $1 ORDER BY id`,
      [id],
    )

    expect(audit.map(({ action }) => action)).toEqual([
      'automatic_message.created',
      'automatic_message.changed',
      'automatic_message.changed',
      'automatic_message.deleted',
    ])
  })
})
