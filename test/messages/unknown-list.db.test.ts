import { afterAll, beforeAll, expect, it } from 'vitest'
import { done, newCustomer, refused, type TestAgent, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

const unknown = async (who: ReturnType<TestService['as']>, query = ''): Promise<any> =>
  (await done(who.get(`/v1/messages?status=unknown${query}`), 200)).body
const idsFor = async (who: ReturnType<TestService['as']>): Promise<string[]> =>
  (await unknown(who)).data.map(({ id }: { id: string }) => id)

/** A reply of this agent whose answer was lost for good. */
async function lostReply(org: TestOrganization, agent: TestAgent, number: any): Promise<string> {
  const { id } = await org.acceptedConversation(agent, number, newCustomer())
  const { body } = await done(org.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'Lost?' }), 202)
  await org.message(id, body.id, ({ status }) => status === 'delivered')
  await runSql(
    service,
    `UPDATE messages SET status = 'unknown', error_code = 'outcome_unknown' WHERE id = $1`,
    [body.id],
  )
  return body.id
}

it('messages whose outcome is unknown are one list, of the conversations that the caller may see', async () => {
  const org = await TestOrganization.create(service)
  const [queue, otherQueue] = [await org.addQueue(), await org.addQueue()]
  const [number, otherNumber] = [await org.addNumber('twilio sms'), await org.addNumber('telesign sms')]
  await org.addWorkstream(number, { fallbackQueueId: queue })
  await org.addWorkstream(otherNumber, { fallbackQueueId: otherQueue })
  const agent = await org.addAgent({ queues: [queue] })
  const otherAgent = await org.addAgent({ queues: [otherQueue] })
  const supervisor = await org.addAgent({ queues: [queue], role: 'supervisor', presence: 'offline' })
  const first = await lostReply(org, agent, number)
  const second = await lostReply(org, otherAgent, otherNumber)
  const third = await lostReply(org, agent, number)
  const stranger = await TestOrganization.create(service)

  const { data } = await unknown(org.admin)
  const page = await unknown(org.admin, '&limit=2')
  const rest = await unknown(org.admin, `&limit=2&cursor=${page.nextCursor}`)

  expect(data[0]).toMatchObject({ id: third, status: 'unknown', text: 'Lost?', direction: 'outbound' })
  expect(data.map(({ id }: { id: string }) => id)).toEqual([third, second, first])
  expect([page, rest].map((one) => one.data.length)).toEqual([2, 1])
  expect(rest.nextCursor).toBeNull()
  expect(await idsFor(org.as(supervisor))).toEqual([third, first])
  expect(await idsFor(org.as(agent))).toEqual([third, first])
  expect(await idsFor(org.as(otherAgent))).toEqual([second])
  expect(await idsFor(stranger.admin)).toEqual([])
  const path = `/v1/conversations/${data[0].conversationId}/messages/${third}/dismiss`
  await done(org.as(supervisor).post(path), 200)
  expect(await idsFor(org.admin)).toEqual([second, first])
}, 60_000)

it('another status, or none, is refused', async () => {
  const org = await TestOrganization.create(service)

  await refused(org.admin.get('/v1/messages'), 422, 'validation_failed')
  await refused(org.admin.get('/v1/messages?status=sent'), 422, 'validation_failed')
})
