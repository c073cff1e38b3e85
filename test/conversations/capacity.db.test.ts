import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hours, seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done, newCustomer, type TestAgent, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

const usedUnits = async (org: TestOrganization, agent: TestAgent): Promise<number> =>
  (await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body.usedUnits

/** One statement, so one moment: what the counter says, and what the agent's conversations hold. */
async function look(agent: TestAgent): Promise<{ used: number; held: number; conversations: number }> {
  const [row] = await runSql<{ used: number; held: number; conversations: number }>(
    service,
    `SELECT a.used_units AS used, coalesce(sum(c.held_units), 0)::int AS held,
       count(*) FILTER (WHERE c.status = 'active')::int AS conversations
     FROM agents a LEFT JOIN conversations c ON c.org_id = a.org_id AND c.agent_id = a.id
     WHERE a.id = $1 GROUP BY a.org_id, a.id`,
    [agent.id],
  )
  return row ?? { used: -1, held: -1, conversations: -1 }
}

describe('many customers and one agent', () => {
  async function serveAll(customers: number): Promise<void> {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    await org.addWorkstream(number, { wrapUpBlock: 'none' })
    const agent = await org.addAgent({ capacityUnits: 3 })
    const looks: Awaited<ReturnType<typeof look>>[] = []
    let isServing = true
    const watching = (async () => {
      while (isServing) looks.push(await look(agent))
    })()

    await Promise.all(
      Array.from({ length: customers }, () => org.customerTexts(newCustomer(), number, 'Hello')),
    )
    const served = new Set<string>()
    await eventually(
      async () => {
        const { body } = await done(org.as(agent).get('/v1/conversations?view=mine&status=active'), 200)
        await Promise.all(
          body.data.map(async ({ id }: { id: string }) => {
            served.add(id)
            await done(org.as(agent).post(`/v1/conversations/${id}/accept`), 200)
            await done(org.as(agent).post(`/v1/conversations/${id}/end`), 200)
          }),
        )
        return served.size
      },
      (count) => count === customers,
    )
    isServing = false
    await watching

    expect(Math.max(...looks.map(({ used }) => used))).toBe(3)
    expect(Math.max(...looks.map(({ conversations }) => conversations))).toBe(3)
    expect(looks.filter(({ used, held }) => used !== held)).toEqual([])
    expect(await look(agent)).toEqual({ used: 0, held: 0, conversations: 0 })
  }

  it('never more than the agent can hold, and the counter is right at every look', async () => {
    await serveAll(20)
  })

  it('the same with a second service at work on the same database', async () => {
    const second = await startService({ besides: service })

    await serveAll(20).finally(() => second.close())
  })

  it('what is offered at once goes to all who are free, the most free first', async () => {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    const agents = [await org.addAgent({ capacityUnits: 4 }), await org.addAgent({ capacityUnits: 2 })]

    for (let sent = 0; sent < 6; sent++) await org.customerTexts(newCustomer(), number, 'Hello')

    const held = () => Promise.all(agents.map((agent) => usedUnits(org, agent)))
    expect(await eventually(held, (units) => units.every((count) => count > 1) && units[0] === 4)).toEqual([
      4, 2,
    ])
  })
})

describe('wrap-up', () => {
  async function ended(wrapUpBlock: unknown) {
    const org = await TestOrganization.create(service)
    const number = await org.addNumber('twilio sms')
    await org.addWorkstream(number, { wrapUpBlock, capacityUnits: 2 })
    const agent = await org.addAgent({ capacityUnits: 4, lasting: true })
    const { id } = await org.acceptedConversation(agent, number)
    const before = await usedUnits(org, agent)
    await done(org.as(agent).post(`/v1/conversations/${id}/end`), 200)
    return {
      org,
      agent,
      id,
      before,
      close: () => done(org.as(agent).post(`/v1/conversations/${id}/close`), 200),
    }
  }

  it('"always" holds capacity until the conversation is closed', async () => {
    const { org, agent, before, close } = await ended('always')

    const wrapping = await usedUnits(org, agent)
    await close()

    expect([before, wrapping, await usedUnits(org, agent)]).toEqual([2, 2, 0])
  })

  it('"none" gives capacity back at once', async () => {
    const { org, agent, before, close } = await ended('none')

    const wrapping = await usedUnits(org, agent)
    await close()

    expect([before, wrapping, await usedUnits(org, agent)]).toEqual([2, 0, 0])
  })

  it('a number of seconds gives it back after them, though it is still in wrap-up', async () => {
    const { org, agent, id } = await ended({ seconds: 30 })

    const wrapping = await usedUnits(org, agent)
    clock.forward(seconds(31))
    const after = await eventually(
      () => usedUnits(org, agent),
      (units) => units === 0,
    )

    expect([wrapping, after]).toEqual([2, 0])
    expect((await org.conversation(id)).status).toBe('wrap_up')
  })

  it('closing before the seconds are over does not give it back early', async () => {
    const { org, agent, id, close } = await ended({ seconds: 30 })

    await close()
    const closed = await usedUnits(org, agent)
    clock.forward(seconds(31))
    await eventually(
      () => usedUnits(org, agent),
      (units) => units === 0,
    )

    expect(closed).toBe(2)
    expect(await org.conversation(id)).toMatchObject({ status: 'closed', agentId: agent.id })
  })

  it('what closes by itself gives capacity back', async () => {
    const { org, agent, id } = await ended('always')

    clock.forward(hours(25))

    await org.conversation(id, ({ status }) => status === 'closed')
    expect(await usedUnits(org, agent)).toBe(0)
  })
})

it.each(['close', 'release', 'force-close'])('%s gives the capacity back at once', async (step) => {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber('twilio sms')
  const agent = await org.addAgent()
  const { id } = await org.acceptedConversation(agent, number)
  const before = await usedUnits(org, agent)

  await done(
    (step === 'force-close' ? org.admin : org.as(agent)).post(`/v1/conversations/${id}/${step}`),
    200,
  )

  expect([before, await usedUnits(org, agent)]).toEqual([1, 0])
})
