import { afterAll, beforeAll, expect, it } from 'vitest'
import { done, refused, type TestAgent, type TestNumber, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService
let org: TestOrganization
let number: TestNumber
let agent: TestAgent

beforeAll(async () => {
  service = await startService()
  org = await TestOrganization.create(service)
  number = await org.addNumber('twilio sms')
  await org.allowSessions(50)
  agent = await org.addAgent({ capacityUnits: 50 })
})
afterAll(() => service.close())

const does = (step: string, id: string) => done(org.as(agent).post(`/v1/conversations/${id}/${step}`), 200)

async function historyOf(id: string, query = ''): Promise<any> {
  return (await done(org.admin.get(`/v1/conversations/${id}/history${query}`), 200)).body
}

/** What happened, the status and its reason, and by whom. */
const inShort = ({ happening, status, reason, by }: any): string =>
  `${happening}: ${status}, ${reason}, by ${by.type}`

it('every step is on record with its reason and with who did it', async () => {
  const supervisor = await org.addAgent({ role: 'supervisor' })
  const { id, queueId, customerAddress } = await org.acceptedConversation(agent, number)
  await does('close', id)
  await org.customerTexts(customerAddress, number, 'I am back')
  await org.conversation(id, ({ status, acceptedAt }) => status === 'active' && acceptedAt === null)
  await does('reject', id)
  await done(org.as(supervisor).post(`/v1/conversations/${id}/force-close`), 200)

  const { data, nextCursor } = await historyOf(id)

  expect(data.map(inShort)).toEqual([
    'opened: open, awaiting_agent_assignment, by customer',
    'routed: open, awaiting_agent_assignment, by system',
    'offered: active, awaiting_agent_acceptance, by system',
    'accepted: active, in_conversation, by agent',
    'closed_by_agent: waiting, awaiting_customer_response, by agent',
    'customer_wrote: open, awaiting_agent_assignment, by customer',
    'offered: active, awaiting_agent_acceptance, by system',
    'rejected: open, awaiting_agent_assignment, by agent',
    'force_closed: closed, force_closed_by_supervisor, by supervisor',
  ])
  expect(nextCursor).toBeNull()
  expect(data[0]).toMatchObject({ agentId: null, queueId: null })
  expect(data[1].queueId).toBe(queueId)
  expect(data[3]).toMatchObject({ by: { id: agent.id }, agentId: agent.id, queueId })
  expect(data[7]).toMatchObject({ by: { id: agent.id }, agentId: null })
  expect(data[8].by.id).toBe(supervisor.id)
  const times = data.map(({ at }: any) => at)
  expect(times).toEqual(times.toSorted())
})

it('a message that makes no step, and an accept that is repeated, are no entries', async () => {
  const { id, customerAddress } = await org.acceptedConversation(agent, number)
  const before = await historyOf(id)

  await org.customerTexts(customerAddress, number, 'Still there?')
  await org.conversation(id, ({ unreadCount }) => unreadCount === 2)
  await does('accept', id)

  expect(await historyOf(id)).toEqual(before)
})

it('pages show every entry once, the opening first', async () => {
  const { id } = await org.acceptedConversation(agent, number)
  const whole = (await historyOf(id)).data

  const paged: any[] = []
  for (let query: string | null = '?limit=1'; query !== null; ) {
    const { data, nextCursor } = await historyOf(id, query)
    paged.push(...data)
    query = nextCursor && `?limit=1&cursor=${nextCursor}`
  }

  expect(whole).toHaveLength(4)
  expect(paged).toEqual(whole)
})

it('whoever may not see the conversation sees no history of it', async () => {
  const { id } = await org.acceptedConversation(agent, number)
  const stranger = await org.addAgent({ queues: [] })

  await refused(org.as(stranger).get(`/v1/conversations/${id}/history`), 404, 'not_found')
  await done(org.as(agent).get(`/v1/conversations/${id}/history`), 200)
})

it('a conversation that was opened before there was a history begins with its opening', async () => {
  const { id } = await org.acceptedConversation(agent, number)
  await runSql(service, 'DELETE FROM status_changes WHERE conversation_id = $1', [id])

  const { data } = await historyOf(id)

  expect(data.map(inShort)).toEqual(['opened: open, awaiting_agent_assignment, by customer'])
})

it('a session says from when to when its agent took part', async () => {
  const { id } = await org.acceptedConversation(agent, number)
  await does('close', id)

  const { body } = await done(org.admin.get(`/v1/conversations/${id}/sessions`), 200)

  const [session] = body.data
  expect(session).toMatchObject({ closureReason: 'agent_closed', openedAt: session.offeredAt })
  expect(session.participants).toEqual([
    { agentId: agent.id, mode: 'primary', joinedAt: session.acceptedAt, leftAt: session.closedAt },
  ])
})
