import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hours, minutes } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import {
  done,
  newCustomer,
  refused,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

const clock = new TestClock()
let service: TestService
let org: TestOrganization
let number: TestNumber
let agent: TestAgent

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

async function newDesk() {
  org = await TestOrganization.create(service)
  number = await org.addNumber('twilio sms')
  agent = await org.addAgent({ lasting: true })
}

const does = async (step: string, id: string) =>
  (await done(org.as(agent).post(`/v1/conversations/${id}/${step}`), 200)).body

const idsOf = async (key: string, query: string): Promise<string[]> =>
  (await done(service.as(key).get(`/v1/conversations${query}`), 200)).body.data.map(
    ({ id }: { id: string }) => id,
  )

async function conversation(...steps: string[]): Promise<string> {
  const { id } = await org.acceptedConversation(agent, number)
  for (const step of steps) await does(step, id)
  return id
}

async function openConversation(to = number): Promise<string> {
  const customer = newCustomer()
  await org.customerTexts(customer, to, 'Hello')
  return (await org.conversationOf(customer, ({ queueId }) => queueId !== null)).id
}

describe('what an agent sees', () => {
  it('"mine" is offered to, held by, waiting for or wrapped up by them; "open" is open in their queues', async () => {
    await newDesk()
    const active = await conversation()
    const waiting = await conversation('close')
    const wrapUp = await conversation('end')
    await conversation('end', 'close')
    const offered = await openConversation()
    await org.conversation(offered, ({ status }) => status === 'active')
    await done(org.as(agent).put('/v1/me/presence', { presence: 'away' }), 200)
    const open = await openConversation()

    const mine = await idsOf(agent.key, '?view=mine')
    const opened = await idsOf(agent.key, '?view=open')

    expect(mine).toEqual([offered, wrapUp, waiting, active])
    expect(opened).toEqual([open])
  })

  it('what is open in several of their queues, as one list in its order, on every page and in each by itself', async () => {
    await newDesk()
    const [first, second] = [await org.addQueue(), await org.addQueue()]
    const numbers = await Promise.all(
      [first, second].map(async (fallbackQueueId) => {
        const own = await org.addNumber('twilio sms')
        await org.addWorkstream(own, { fallbackQueueId })
        return own
      }),
    )
    const member = await org.addAgent({ queues: [first, second], presence: 'away' })
    const ids: string[] = []
    for (const place of [0, 1, 1, 0, 1]) ids.push(await openConversation(numbers[place]))
    const newest = ids.toReversed()

    for (const sort of ['created', 'activity']) {
      const query = `?view=open&sort=${sort}`
      const page = (await org.as(member).get(`/v1/conversations${query}&limit=3`)).body
      const rest = await idsOf(member.key, `${query}&limit=3&cursor=${page.nextCursor}`)
      expect(await idsOf(member.key, query)).toEqual(newest)
      expect([...page.data.map(({ id }: { id: string }) => id), ...rest]).toEqual(newest)
    }
    expect(await idsOf(member.key, `?view=open&queueId=${first}`)).toEqual([ids[3], ids[0]])
    expect(await idsOf(member.key, `?view=open&queueId=${await org.defaultQueue()}`)).toEqual([])
  })

  it('in a list of each conversation all that it shows by itself, with the name of the contact', async () => {
    await newDesk()
    const id = await conversation()
    const contact = (await done(org.admin.post('/v1/contacts', { name: 'Casey' }), 201)).body
    await done(org.admin.put(`/v1/conversations/${id}/contact`, { contactId: contact.id }), 200)

    const [listed] = (await done(org.as(agent).get('/v1/conversations?view=mine'), 200)).body.data

    expect(listed.contact).toEqual({ id: contact.id, name: 'Casey' })
    expect(listed).toEqual((await done(org.as(agent).get(`/v1/conversations/${id}`), 200)).body)
  })

  it('nothing of other queues: not in a list, not by its id', async () => {
    await newDesk()
    const stranger = await org.addAgent({ queues: [await org.addQueue()] })
    const [active, waiting] = [await conversation(), await conversation('close')]
    await done(org.as(agent).put('/v1/me/presence', { presence: 'away' }), 200)
    const open = await openConversation()

    const seen = await Promise.all(
      ['', '?view=mine', '?view=open'].map((query) => idsOf(stranger.key, query)),
    )

    expect(seen).toEqual([[], [], []])
    for (const id of [active, waiting, open]) {
      await refused(org.as(stranger).get(`/v1/conversations/${id}`), 404, 'not_found')
      await refused(org.as(stranger).get(`/v1/conversations/${id}/messages`), 404, 'not_found')
    }
  })

  it('a colleague’s active conversation only when it is their own', async () => {
    await newDesk()
    const id = await conversation()
    const colleague = await org.addAgent()

    await refused(org.as(colleague).get(`/v1/conversations/${id}`), 404, 'not_found')
    await refused(org.as(colleague).get('/v1/conversations?view=all'), 403, 'forbidden')
  })

  it('"closed_today" is what they closed today in the organization’s time zone', async () => {
    await newDesk()
    await done(
      service.as(service.platformKey).patch(`/v1/organizations/${org.id}`, { timeZone: 'Pacific/Auckland' }),
      200,
    )
    const { timeZone } = (await done(service.as(service.platformKey).get(`/v1/organizations/${org.id}`), 200))
      .body
    const lastMidnight = midnightIn(timeZone, clock.now())
    clock.holdAt(new Date(lastMidnight.getTime() + hours(24) - 1))
    const beforeMidnight = await conversation('end', 'close')
    const then = await idsOf(agent.key, '?view=closed_today')
    clock.forward(1)
    const afterMidnight = await conversation('end', 'close')
    const now = await idsOf(agent.key, '?view=closed_today')
    clock.runOn()

    expect(then).toEqual([beforeMidnight])
    expect(now).toEqual([afterMidnight])
  })
})

/** Without daylight saving on the way: good enough for a day or two around now. */
function midnightIn(timeZone: string, at: Date): Date {
  const wall = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).format(at)
  const [h = 0, m = 0, s = 0] = wall.split(':').map(Number)
  return new Date(at.getTime() - ((h * 60 + m) * 60 + s) * 1000 - at.getMilliseconds())
}

describe('what a supervisor sees', () => {
  it('the conversations of their queues in every state, and force-closes only these', async () => {
    await newDesk()
    const otherQueue = await org.addQueue()
    const otherNumber = await org.addNumber('twilio sms')
    await org.addWorkstream(otherNumber, { fallbackQueueId: otherQueue })
    const supervisor = await org.addAgent({ role: 'supervisor', queues: [otherQueue], presence: 'away' })
    const elsewhere = await conversation()
    const theirs = await openConversation(otherNumber)

    const all = await idsOf(supervisor.key, '?view=all')

    expect(all).toEqual([theirs])
    await refused(org.as(supervisor).get(`/v1/conversations/${elsewhere}`), 404, 'not_found')
    await refused(org.as(supervisor).post(`/v1/conversations/${elsewhere}/force-close`), 404, 'not_found')
    const closed = (await done(org.as(supervisor).post(`/v1/conversations/${theirs}/force-close`), 200)).body
    expect(closed).toMatchObject({
      status: 'closed',
      statusReason: 'force_closed_by_supervisor',
      resolvedAt: null,
    })
    expect(await idsOf(supervisor.key, '?view=all')).toEqual([theirs])
  })
})

describe('lists', () => {
  it.each([
    ['within ten minutes', 5],
    ['over more than ten minutes', minutes(11)],
  ])('"activity" puts the last message first and its pages show each once (%s)', async (_how, pause) => {
    await newDesk()
    const ids = [await conversation(), await conversation(), await conversation()] as const
    clock.forward(pause)
    const { customerAddress } = await org.conversation(ids[0])
    await org.customerTexts(customerAddress, number, 'Me again')
    await org.conversation(ids[0], ({ unreadCount }) => unreadCount === 2)
    clock.forward(pause)
    await done(org.as(agent).post(`/v1/conversations/${ids[1]}/messages`, { text: 'An answer' }), 202)

    const byActivity = await idsOf(org.adminKey, '?sort=activity')
    const first = (await org.admin.get('/v1/conversations?sort=activity&limit=2')).body
    const second = (await org.admin.get(`/v1/conversations?sort=activity&limit=2&cursor=${first.nextCursor}`))
      .body

    expect(byActivity).toEqual([ids[1], ids[0], ids[2]])
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(byActivity)
    expect(second.nextCursor).toBeNull()
    expect(await idsOf(org.adminKey, '')).toEqual([...ids].reverse())
  })

  it('are filtered by status, customer, contact, queue and workstream', async () => {
    await newDesk()
    const one = await conversation('close')
    const two = await conversation()
    const row = await org.conversation(two)
    const contact = (await done(org.admin.post('/v1/contacts', { name: 'Casey' }), 201)).body
    await done(org.admin.put(`/v1/conversations/${one}/contact`, { contactId: contact.id }), 200)
    const list = (query: string) => idsOf(org.adminKey, query)

    expect(await list('?status=waiting')).toEqual([one])
    expect(await list(`?customerAddress=${row.customerAddress}`)).toEqual([two])
    expect(await list(`?customerAddress=${row.customerAddress.slice(1)}`)).toEqual([two])
    expect(await list(`?contactId=${contact.id}`)).toEqual([one])
    expect(await list(`?queueId=${row.queueId}&workstreamId=${row.workstreamId}`)).toEqual([two, one])
    expect(await list(`?queueId=${await org.addQueue()}`)).toEqual([])
  })
})
