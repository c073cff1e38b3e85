import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type ProviderCall,
  post,
  type TestAccount,
  telesignText,
  twilioText,
} from '../channels/provider-calls.js'
import { standingCallbacks } from '../support/inbox.js'
import { newCustomer, type TestNumber, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService()
  org = await TestOrganization.create(service)
})

afterAll(() => service.close())

const accountOf = ({ accountId, callbackUrl, credentials }: TestNumber): TestAccount => ({
  id: accountId,
  callbackUrl,
  calledUrl: callbackUrl.replace(/#.*$/, ''),
  credentials,
})

/** A message that reached its conversation, and the call that brought it, as somebody may have recorded it. */
async function recorded(): Promise<{ call: ProviderCall; number: TestNumber; conversationId: string }> {
  const number = await org.addNumber('twilio sms')
  const customer = newCustomer()
  const call = twilioText(accountOf(number), { params: { From: customer, To: number.number } })
  expect((await post(service, call)).status).toBe(200)
  const { id } = await org.conversationOf(customer)
  return { call, number, conversationId: id }
}

const settled = () =>
  eventually(
    async () => (await standingCallbacks(service, org.id)).filter(({ state }) => state === 'pending').length,
    (pending) => pending === 0,
  )

describe('a callback that somebody recorded and sends again', () => {
  it('is answered as at first and makes no second message', async () => {
    const { call, conversationId } = await recorded()

    const answers = await Promise.all([post(service, call), post(service, call)])
    await settled()

    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(await org.messages(conversationId)).toHaveLength(1)
  })

  it('makes none either after what is known of the callback was deleted', async () => {
    const { call, conversationId } = await recorded()
    await settled()
    await runSql(service, 'DELETE FROM callbacks WHERE org_id = $1', [org.id])

    const answer = await post(service, call)
    await settled()

    expect(answer.status).toBe(200)
    expect(await org.messages(conversationId)).toHaveLength(1)
  })

  it.each([
    ['to the address for delivery reports', ({ path }: ProviderCall) => `${path}/status`],
    ['with something behind its address', ({ path }: ProviderCall) => `${path}?again=1`],
  ])('%s is refused', async (_what, pathOf) => {
    const { call, conversationId } = await recorded()

    const answer = await post(service, { ...call, path: pathOf(call) })

    expect(answer.status).toBe(403)
    expect(await org.messages(conversationId)).toHaveLength(1)
  })

  it('to another organization is refused there', async () => {
    const { call } = await recorded()
    const other = await TestOrganization.create(service)
    const number = await other.addNumber('twilio sms')

    const answer = await post(service, { ...call, path: new URL(number.callbackUrl).pathname })

    expect(answer.status).toBe(403)
    expect(await standingCallbacks(service, other.id)).toEqual([])
  })

  it('from Telesign, whose signature does not cover the address, is refused by every other account', async () => {
    const [one, other] = [await org.addNumber('telesign sms'), await org.addNumber('telesign sms')]
    const call = telesignText(accountOf(one))

    const answer = await post(service, { ...call, path: new URL(other.callbackUrl).pathname })

    expect(answer.status).toBe(403)
  })
})
