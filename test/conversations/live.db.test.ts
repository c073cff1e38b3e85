import { afterAll, beforeAll, expect, it } from 'vitest'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

it('GET /v1/live counts states and presences, in all and by queue; a supervisor sees their queues', async () => {
  const org = await TestOrganization.create(service)
  const [one, two] = [await org.addNumber('twilio sms'), await org.addNumber('twilio sms')]
  const [first, second] = [await org.addQueue(), await org.addQueue()]
  await org.addWorkstream(one, { fallbackQueueId: first })
  await org.addWorkstream(two, { fallbackQueueId: second })
  const agent = await org.addAgent({ queues: [first], capacityUnits: 3 })
  const supervisor = await org.addAgent({ role: 'supervisor', queues: [second], presence: 'away' })
  const accepted = async () => (await org.acceptedConversation(agent, one)).id
  const does = (id: string, step: string) => done(org.as(agent).post(`/v1/conversations/${id}/${step}`), 200)
  await does(await accepted(), 'close')
  await does(await accepted(), 'end')
  await accepted()
  const offered = newCustomer()
  await org.customerTexts(offered, one, 'Hello')
  await org.conversationOf(offered, ({ status }) => status === 'active')
  const open = newCustomer()
  await org.customerTexts(open, two, 'Hello')
  await org.conversationOf(open, ({ queueId }) => queueId === second)

  const { body: all } = await done(org.admin.get('/v1/live'), 200)
  const { body: seen } = await done(org.as(supervisor).get('/v1/live'), 200)

  const inFirst = {
    open: 0,
    awaitingAcceptance: 1,
    active: 1,
    waiting: 1,
    wrapUp: 1,
    longestOpenSince: null,
  }
  const inSecond = {
    open: 1,
    awaitingAcceptance: 0,
    active: 0,
    waiting: 0,
    wrapUp: 0,
    longestOpenSince: expect.stringMatching(/^\d{4}-.*Z$/),
  }
  expect(all.conversations).toEqual({ ...inFirst, open: 1, longestOpenSince: inSecond.longestOpenSince })
  expect(Object.values(all.agents as Record<string, number>).reduce((sum, count) => sum + count)).toBe(2)
  expect(all.queues.find(({ id }: { id: string }) => id === first)).toMatchObject({
    members: 1,
    conversations: inFirst,
  })
  expect(seen.queues).toEqual([
    expect.objectContaining({ id: second, members: 1, agents: { away: 1 }, conversations: inSecond }),
  ])
  expect(seen.conversations).toEqual(inSecond)
  expect(seen.agents).toEqual({ away: 1 })
})
