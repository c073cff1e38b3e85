import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { minutes, seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done, newCustomer, refused, type TestAgent, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
})
afterAll(() => service.close())

let made = 0

async function addProfile(org: TestOrganization, fields: Record<string, unknown> = {}): Promise<string> {
  const body = { name: `Profile ${++made}`, workItemLimit: 2, ...fields }
  return (await done(org.admin.post('/v1/capacity-profiles', body), 201)).body.id
}

const give = (org: TestOrganization, agent: TestAgent, profile: string, body: object = {}) =>
  done(org.admin.put(`/v1/agents/${agent.id}/capacity-profiles/${profile}`, body), 200)

async function profileOf(org: TestOrganization, agent: TestAgent): Promise<any> {
  return (await done(org.admin.get(`/v1/agents/${agent.id}/capacity-profiles`), 200)).body.data[0]
}

const usedBy = (org: TestOrganization, agent: TestAgent, used: number) =>
  eventually(
    () => profileOf(org, agent),
    (profile) => profile.used === used,
  )

/** A number whose conversations take places of a new profile, and an agent who has it. */
async function stage(fields: Record<string, unknown> = {}, workstream: Record<string, unknown> = {}) {
  const org = await TestOrganization.create(service)
  const profile = await addProfile(org, fields)
  const number = await org.addNumber('twilio sms')
  const workstreamId = await org.addWorkstream(number, { capacityProfileId: profile, ...workstream })
  // No units at all: profiles are enough
  const agent = await org.addAgent({ capacityUnits: 0, lasting: true })
  await give(org, agent, profile)
  const text = (customer = newCustomer()) => org.customerTexts(customer, number, 'Hello')
  const mine = async (): Promise<any[]> =>
    (await done(org.as(agent).get('/v1/conversations?view=mine&status=active'), 200)).body.data
  const step = (id: string, name: string) => done(org.as(agent).post(`/v1/conversations/${id}/${name}`), 200)
  return { org, profile, number, workstreamId, agent, text, mine, step }
}

describe('work of a profile', () => {
  it('takes places and no units, up to the limit, and goes on when a place is given back', async () => {
    const { org, agent, text, mine, step } = await stage()

    for (let sent = 0; sent < 3; sent++) await text()
    await usedBy(org, agent, 2)
    const [first] = await mine()
    await step(first.id, 'accept')
    await step(first.id, 'close')

    const held = await eventually(mine, (all) => all.length === 2 && all.every(({ id }) => id !== first.id))
    expect(held).toHaveLength(2)
    expect(await profileOf(org, agent)).toMatchObject({
      used: 2,
      limit: 2,
      customLimit: null,
      resetsAt: null,
    })
    expect((await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body.usedUnits).toBe(0)
  })

  it('is never more than the limit, whoever looks, with a second service at work', async () => {
    const { org, agent, text, step } = await stage({ workItemLimit: 3 }, { wrapUpBlock: 'none' })
    const second = await startService({ besides: service })
    const looks: { used: number; held: number }[] = []
    let isServing = true
    const watching = (async () => {
      while (isServing) looks.push(await look(agent))
    })()

    await Promise.all(Array.from({ length: 12 }, () => text()))
    const served = new Set<string>()
    await eventually(
      async () => {
        const { body } = await done(org.as(agent).get('/v1/conversations?view=mine&status=active'), 200)
        for (const { id } of body.data) {
          await step(id, 'accept')
          await step(id, 'end')
          served.add(id)
        }
        return served.size
      },
      (count) => count === 12,
    ).finally(() => {
      isServing = false
      return second.close()
    })
    await watching

    expect(Math.max(...looks.map(({ used }) => used))).toBe(3)
    expect(looks.filter(({ used, held }) => used !== held)).toEqual([])
    expect(await look(agent)).toEqual({ used: 0, held: 0 })
  })

  it('stays in its queue while nobody has the profile, and a person may take it beyond every limit', async () => {
    const { org, profile, agent, text, step } = await stage({ workItemLimit: 1 })
    await done(org.admin.delete(`/v1/agents/${agent.id}/capacity-profiles/${profile}`), 204)
    const customer = newCustomer()
    await text(customer)
    const waiting = await org.conversationOf(customer, ({ queueId }) => queueId !== null)

    await step(waiting.id, 'pick')
    await give(org, agent, profile)
    const after = await profileOf(org, agent)
    await text()
    await step(waiting.id, 'close')
    const offered = await eventually(
      async () => (await org.as(agent).get('/v1/conversations?view=mine&status=active')).body.data,
      (all: any[]) => all.length === 1,
    )

    expect(after).toMatchObject({ used: 1, limit: 1 })
    expect(offered[0].acceptedAt).toBeNull()
  })

  it('with several profiles takes a place of each, and needs all of them', async () => {
    const { org, profile, agent, text, mine } = await stage({ workItemLimit: 5 }, { distribution: 'pick' })
    const vip = await addProfile(org, { workItemLimit: 1 })
    const number = await org.addNumber('twilio sms')
    await org.addWorkstream(number, { capacityProfileId: vip })
    await text()
    await give(org, agent, vip)
    const customers = [newCustomer(), newCustomer()]
    for (const customer of customers) await org.customerTexts(customer, number, 'Hello')
    await eventually(mine, (all) => all.length === 1)
    // As classification does it: what waits asks for a second profile
    await runSql(
      service,
      `UPDATE conversations SET capacity_profile_ids = ARRAY[$1::uuid, $2::uuid] WHERE org_id = $3 AND status = 'open'`,
      [profile, vip, org.id],
    )
    const [held] = await mine()
    await done(org.admin.post(`/v1/conversations/${held.id}/force-close`), 200)

    const [next] = await eventually(mine, (all) => all.length === 1 && all[0].id !== held.id)

    const { body } = await done(org.admin.get(`/v1/agents/${agent.id}/capacity-profiles`), 200)
    expect(body.data.map(({ used }: { used: number }) => used)).toEqual([1, 1])
    expect(next.acceptedAt).toBeNull()
  })
})

/** One statement, so one moment: what the counter says, and what the agent's conversations hold. */
async function look(agent: TestAgent): Promise<{ used: number; held: number }> {
  const [row] = await runSql<{ used: number; held: number }>(
    service,
    `SELECT p.used, coalesce((SELECT sum(cardinality(c.held_profile_ids)) FROM conversations c
       WHERE c.org_id = p.org_id AND c.agent_id = p.agent_id), 0)::int AS held
     FROM agent_capacity_profiles p WHERE p.agent_id = $1`,
    [agent.id],
  )
  return row ?? { used: -1, held: -1 }
}

describe('wrap-up', () => {
  it.each([
    ['always', 1],
    ['none', 0],
  ])('%s keeps %i places', async (wrapUpBlock, used) => {
    const { org, agent, number, step } = await stage({}, { wrapUpBlock })
    const { id } = await org.acceptedConversation(agent, number)

    await step(id, 'end')
    const wrapping = (await profileOf(org, agent)).used
    await step(id, 'close')

    expect([wrapping, (await profileOf(org, agent)).used]).toEqual([used, 0])
  })

  it('of some seconds keeps the place for them', async () => {
    const { org, agent, number, step } = await stage({}, { wrapUpBlock: { seconds: 30 } })
    const { id } = await org.acceptedConversation(agent, number)

    await step(id, 'end')
    const wrapping = (await profileOf(org, agent)).used
    clock.forward(seconds(31))

    await usedBy(org, agent, 0)
    expect(wrapping).toBe(1)
  })
})

describe('a profile that is reset at the end of the day', () => {
  it('counts what was assigned in the day of the organization, also what was given back', async () => {
    const { org, agent, number, text, mine, step } = await stage({ workItemLimit: 1, reset: 'end_of_day' })
    await done(
      service.as(service.platformKey).patch(`/v1/organizations/${org.id}`, { timeZone: 'Asia/Kolkata' }),
      200,
    )
    const { id } = await org.acceptedConversation(agent, number)
    await step(id, 'end')
    await step(id, 'close')
    await text()
    const { used, resetsAt } = await profileOf(org, agent)
    expect(used).toBe(1)
    expect(resetsAt).toMatch(/T18:30:00\.000Z$/)
    expect(await mine()).toEqual([])

    clock.forward(new Date(resetsAt).getTime() - clock.now().getTime() - minutes(1))
    expect(await mine()).toEqual([])
    clock.forward(minutes(2))

    expect(await eventually(mine, (all) => all.length === 1)).toHaveLength(1)
    expect((await profileOf(org, agent)).used).toBe(1)
  })
})

describe('a profile that blocks assignment', () => {
  it('keeps all other work away while it is full', async () => {
    const { org, profile, text, mine, step } = await stage({ workItemLimit: 1, blocksAssignment: true })
    const agent = await org.addAgent({ capacityUnits: 5, lasting: true })
    await give(org, agent, profile)
    const other = await org.addNumber('twilio sms')
    await org.addWorkstream(other)
    await text()
    await text()
    const [own] = await eventually(mine, (all) => all.length === 1)
    const held = async () =>
      (await done(org.as(agent).get('/v1/conversations?view=mine&status=active'), 200)).body.data
    const [theirs] = await eventually(held, (all: any[]) => all.length === 1)
    const customer = newCustomer()
    await org.customerTexts(customer, other, 'Hello')
    const waiting = await org.conversationOf(customer, ({ queueId }) => queueId !== null)

    // Both are full, and only one of them has units
    await step(own.id, 'accept')
    const before = (await org.conversation(waiting.id)).status
    await done(org.as(agent).post(`/v1/conversations/${theirs.id}/accept`), 200)
    await done(org.as(agent).post(`/v1/conversations/${theirs.id}/close`), 200)

    expect(before).toBe('open')
    await org.conversation(waiting.id, ({ agentId }) => agentId === agent.id)
  })
})

describe('changing a profile while work is under way', () => {
  it('a lowered limit leaves what is at hand, and holds for what comes', async () => {
    const { org, profile, agent, text, mine, step } = await stage({ workItemLimit: 2 })
    await text()
    await text()
    const [first, second] = await eventually(mine, (all) => all.length === 2)

    await done(org.admin.patch(`/v1/capacity-profiles/${profile}`, { workItemLimit: 1 }), 200)
    const lowered = await profileOf(org, agent)
    await text()
    await step(first.id, 'accept')
    await step(first.id, 'end')
    await step(first.id, 'close')

    expect(lowered).toMatchObject({ used: 2, limit: 1 })
    await usedBy(org, agent, 1)
    expect((await mine()).map(({ id }) => id)).toEqual([second.id])
  })

  it('a raised limit lets what waits in, and a limit of the agent wins', async () => {
    const { org, profile, agent, text, mine } = await stage({ workItemLimit: 0 })
    for (let sent = 0; sent < 4; sent++) await text()

    await done(org.admin.patch(`/v1/capacity-profiles/${profile}`, { workItemLimit: 1 }), 200)
    await eventually(mine, (all) => all.length === 1)
    await give(org, agent, profile, { limit: 3 })
    await eventually(mine, (all) => all.length === 3)
    await done(org.admin.patch(`/v1/capacity-profiles/${profile}`, { workItemLimit: 10 }), 200)

    expect(await profileOf(org, agent)).toMatchObject({ used: 3, limit: 3, customLimit: 3 })
  })

  it('what is at hand when the profile is taken from the agent and given again is counted right', async () => {
    const { org, profile, agent, number, step } = await stage()
    const { id } = await org.acceptedConversation(agent, number)

    await done(org.admin.delete(`/v1/agents/${agent.id}/capacity-profiles/${profile}`), 204)
    const without = await profileOf(org, agent)
    await give(org, agent, profile)
    const again = await profileOf(org, agent)
    await step(id, 'close')

    expect(without).toBeUndefined()
    expect([again.used, (await profileOf(org, agent)).used]).toEqual([1, 0])
  })

  it('one that is used cannot be deleted; afterwards what carries it takes units', async () => {
    const { org, profile, workstreamId, agent, text, mine } = await stage({ workItemLimit: 0 })
    const customer = newCustomer()
    await text(customer)
    await org.conversationOf(customer, ({ queueId }) => queueId !== null)
    const path = `/v1/capacity-profiles/${profile}`
    const workstreamUses = await refused(org.admin.delete(path), 409, 'conflict')
    await done(org.admin.patch(`/v1/workstreams/${workstreamId}`, { capacityProfileId: null }), 200)
    const agentHas = await refused(org.admin.delete(path), 409, 'conflict')
    await done(org.admin.delete(`/v1/agents/${agent.id}/capacity-profiles/${profile}`), 204)

    await done(org.admin.delete(path), 204)
    await done(org.admin.patch(`/v1/agents/${agent.id}`, { capacityUnits: 1 }), 200)

    expect(workstreamUses.detail).toContain('the workstream')
    expect(agentHas.detail).toContain('1 agent has it')
    expect(await eventually(mine, (all) => all.length === 1)).toHaveLength(1)
    expect((await done(org.admin.get(`/v1/agents/${agent.id}`), 200)).body.usedUnits).toBe(1)
  })
})

describe('refused', () => {
  it('a limit out of range, another reset, an unknown profile, a name that exists', async () => {
    const org = await TestOrganization.create(service)
    const profile = await addProfile(org, { name: 'Chats' })
    const path = `/v1/capacity-profiles/${profile}`
    const create = (body: object) => org.admin.post('/v1/capacity-profiles', { name: 'Other', ...body })

    await refused(create({ workItemLimit: 10_001 }), 422, 'validation_failed')
    await refused(create({ workItemLimit: -1 }), 422, 'validation_failed')
    await refused(create({ name: 'Chats', workItemLimit: 1 }), 409, 'conflict')
    await refused(org.admin.patch(path, { reset: 'end_of_day' }), 422, 'validation_failed')
    await refused(
      org.admin.post('/v1/workstreams', {
        name: 'Lost',
        channel: 'sms',
        distribution: 'push',
        autoCloseAfterMinutes: 480,
        capacityProfileId: '01a1fcb7-5a7f-74d6-b45f-0b9d237e380a',
      }),
      422,
      'validation_failed',
    )
    const agent = await org.addAgent()
    await refused(
      org.admin.put(`/v1/agents/${agent.id}/capacity-profiles/${profile}`, { limit: 10_001 }),
      422,
      'validation_failed',
    )
  })
})
