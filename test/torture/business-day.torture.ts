import { afterAll, beforeAll, expect, it } from 'vitest'
import { minutes, seconds } from '../../src/lib/clock.js'
import { Ground } from '../model/world.js'
import {
  done,
  newCustomer,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { eventually } from '../support/service.js'
import { say } from './plan.js'

/** Issue "Work distribution", shown by: 200 agents, 5,000 customers, a day of eight hours, time run fast. */
const customers = Number(process.env['TORTURE_CUSTOMERS'] ?? 5000)
const agentCount = 200
const queueCount = 4
const dayMinutes = 480
const callsAtOnce = 16

/** What an agent has at hand: when they will be done with it. */
interface Work {
  id: string
  agent: TestAgent
  doneAt: number
}

let ground: Ground

beforeAll(async () => {
  ground = await Ground.open({ redisUrl: null, processes: 1 })
})
afterAll(() => ground?.close(), 60_000)

it('of a simulated business day nothing starves or is overtaken, the load is even within a queue and the totals add up', async () => {
  const org = await TestOrganization.create(ground.service())
  const queues = await Promise.all(Array.from({ length: queueCount }, () => org.addQueue()))
  const numbers: TestNumber[] = []
  for (const fallbackQueueId of queues) {
    const number = await org.addNumber('twilio sms')
    await org.addWorkstream(number, { fallbackQueueId, wrapUpBlock: 'none' })
    numbers.push(number)
  }
  const agents = await inParallel(agentCount, (index) =>
    org.addAgent({ lasting: true, capacityUnits: 1, queues: [queues[index % queueCount] as string] }),
  )
  const byId = new Map(agents.map((agent) => [agent.id, agent]))
  const atWork = new Map<string, Work>()
  let [written, accepted] = [0, 0]

  for (let minute = 0; written < customers || atWork.size > 0; minute++) {
    expect(minute, 'the day never ends').toBeLessThan(dayMinutes * 3)
    const due = writtenBy(minute + 1)
    await inParallel(due - written, (index) => {
      const number = numbers[(written + index) % queueCount] as TestNumber
      return org.customerTexts(newCustomer(), number, `Customer ${written + index}`)
    })
    written = due
    await settle(org)
    for (const { id, agentId } of await offered(org)) {
      const agent = byId.get(agentId)
      if (!agent) throw new Error(`Offered to nobody we know: ${agentId}`)
      atWork.set(id, { id, agent, doneAt: minute + 10 + ((accepted++ * 7) % 16) })
      await done(org.as(agent).post(`/v1/conversations/${id}/accept`), 200)
    }
    const ready = [...atWork.values()].filter(({ doneAt }) => doneAt <= minute)
    await inParallel(ready.length, async (index) => {
      const { id, agent } = ready[index] as Work
      await done(org.as(agent).post(`/v1/conversations/${id}/messages`, { text: 'Done' }), 202)
      await done(org.as(agent).post(`/v1/conversations/${id}/end`), 200)
      await done(org.as(agent).post(`/v1/conversations/${id}/close`), 200)
      atWork.delete(id)
    })
    if (minute % 60 === 0) say(`hour ${minute / 60}: ${written} customers, ${atWork.size} at work`)
    ground.clock.forward(minutes(1) - seconds(1))
  }
  await settle(org)

  const { conversations, answered, sessions, overtaken, longestWait, byQueue } = await totals(org)
  say(`longest wait ${Math.round(longestWait)} s; per agent ${JSON.stringify(byQueue)}`)
  expect({ conversations, answered, sessions, overtaken }).toEqual({
    conversations: customers,
    answered: customers,
    sessions: customers,
    overtaken: 0,
  })
  expect(longestWait).toBeLessThan(2 * 60 * 60)
  expect(byQueue).toHaveLength(queueCount)
  for (const { least, most } of byQueue) expect(most - least).toBeLessThanOrEqual(Math.ceil(most / 4) + 1)
}, 3_600_000)

/** More at midday than the agents can take at once: then a line forms, and it has to go down again. */
function writtenBy(minute: number): number {
  const part = Math.min(1, minute / dayMinutes)
  return Math.round(customers * (part - (0.6 * Math.sin(2 * Math.PI * part)) / (2 * Math.PI)))
}

async function inParallel<Result>(
  count: number,
  work: (index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const lane = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await work(index)
  }
  await Promise.all(Array.from({ length: Math.min(callsAtOnce, count) }, lane))
  return results
}

/** Until everything that was written is in a queue or with an agent. */
async function settle(org: TestOrganization): Promise<void> {
  await eventually(
    async () =>
      (
        await ground.sql.query<{ busy: boolean }>(
          `SELECT EXISTS (SELECT 1 FROM inbox WHERE org_id = $1)
             OR EXISTS (SELECT 1 FROM outbox WHERE org_id = $1 AND position IS NULL)
             OR EXISTS (SELECT 1 FROM conversations c WHERE c.org_id = $1 AND c.status = 'open' AND (c.queue_id IS NULL
               OR EXISTS (SELECT 1 FROM queue_members m JOIN agents a ON a.org_id = m.org_id AND a.id = m.agent_id
                 WHERE m.org_id = $1 AND m.queue_id = c.queue_id AND a.used_units < a.capacity_units))) AS busy`,
          [org.id],
        )
      ).rows[0]?.busy,
    (busy) => busy === false,
    60_000,
  )
}

async function offered(org: TestOrganization): Promise<{ id: string; agentId: string }[]> {
  const { rows } = await ground.sql.query<{ id: string; agentId: string }>(
    `SELECT id, agent_id AS "agentId" FROM conversations WHERE org_id = $1 AND status = 'active' AND accepted_at IS NULL ORDER BY id`,
    [org.id],
  )
  return rows
}

async function totals(org: TestOrganization) {
  const { rows } = await ground.sql.query<{
    conversations: number
    answered: number
    sessions: number
    overtaken: number
    longestWait: number
  }>(
    `SELECT (SELECT count(*)::int FROM conversations WHERE org_id = $1 AND status = 'closed') AS conversations,
       (SELECT count(DISTINCT conversation_id)::int FROM messages WHERE org_id = $1 AND direction = 'outbound') AS answered,
       (SELECT count(*)::int FROM sessions WHERE org_id = $1 AND accepted_at IS NOT NULL) AS sessions,
       (SELECT count(*)::int FROM (
          SELECT s.offered_at, max(s.offered_at) OVER (PARTITION BY c.queue_id ORDER BY c.queued_at, c.id) AS latest
          FROM conversations c JOIN sessions s ON s.org_id = c.org_id AND s.conversation_id = c.id WHERE c.org_id = $1) line
        WHERE offered_at < latest) AS overtaken,
       (SELECT extract(epoch FROM max(s.offered_at - c.created_at))::float FROM sessions s
          JOIN conversations c ON c.org_id = s.org_id AND c.id = s.conversation_id WHERE s.org_id = $1) AS "longestWait"`,
    [org.id],
  )
  const { rows: byQueue } = await ground.sql.query<{ least: number; most: number }>(
    `SELECT min(taken)::int AS least, max(taken)::int AS most FROM (
       SELECT m.queue_id, count(s.id) AS taken FROM queue_members m
       LEFT JOIN sessions s ON s.org_id = m.org_id AND s.agent_id = m.agent_id
       WHERE m.org_id = $1 GROUP BY m.queue_id, m.agent_id) each GROUP BY queue_id`,
    [org.id],
  )
  const [sums] = rows
  if (!sums) throw new Error('No totals')
  return { ...sums, byQueue }
}
