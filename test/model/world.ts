import type pg from 'pg'
import type { Response } from 'supertest'
import { TestClock } from '../support/clock.js'
import { newCustomer, type TestAgent, type TestNumber, TestOrganization } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { openSql } from '../support/sql.js'

/** What the model knows: what customers wrote, and which conversations are over. */
export interface Model {
  /** By customer, in the order in which they wrote */
  readonly written: Map<string, string[]>
  /** Closed conversations with the time of their last step */
  readonly closed: Map<string, string>
  /** Replies that were answered 202 */
  readonly replies: Set<string>
  steps: number
}

export const newModel = (): Model => ({ written: new Map(), closed: new Map(), replies: new Set(), steps: 0 })

/** A service whose time only the test moves, in one or more processes, and a look behind its API. */
export class Ground {
  private constructor(
    readonly services: readonly TestService[],
    readonly clock: TestClock,
    readonly sql: pg.Client,
  ) {}

  static async open({
    redisUrl,
    processes,
  }: {
    redisUrl: string | null
    processes: number
  }): Promise<Ground> {
    const clock = new TestClock()
    const first = await startService({ clock, redisUrl })
    const services = [first]
    while (services.length < processes) services.push(await startService({ clock, redisUrl, besides: first }))
    return new Ground(services, clock, await openSql(first))
  }

  /** One of its processes. */
  service(choice = 0): TestService {
    return this.services[choice % this.services.length] as TestService
  }

  async close(): Promise<void> {
    await this.sql.end()
    for (const service of this.services.toReversed()) await service.close()
  }
}

/** Few, so that it binds */
export const sessionsPerAgent = 4

const agentCount = 6
const customerCount = 12

/** One organization at work: two queues, three numbers, agents and a supervisor. */
export class World {
  private constructor(
    readonly ground: Ground,
    readonly org: TestOrganization,
    private readonly made: {
      numbers: readonly TestNumber[]
      workstreams: readonly string[]
      queues: readonly string[]
      agents: readonly TestAgent[]
      supervisor: TestAgent
    },
    readonly customers: readonly string[],
  ) {}

  /** What closes the stream of an agent who has one */
  private readonly streams = new Map<string, () => void>()

  get numbers() {
    return this.made.numbers
  }

  get workstreams() {
    return this.made.workstreams
  }

  get queues() {
    return this.made.queues
  }

  get agents() {
    return this.made.agents
  }

  get supervisor() {
    return this.made.supervisor
  }

  static async create(ground: Ground): Promise<World> {
    const org = await TestOrganization.create(ground.service())
    await org.allowSessions(sessionsPerAgent)
    const queues = [await org.addQueue(), await org.addQueue()]
    const numbers = [
      await org.addNumber('twilio sms'),
      await org.addNumber('telesign sms'),
      await org.addNumber('twilio whatsapp'),
    ]
    const [first, second, third] = numbers as [TestNumber, TestNumber, TestNumber]
    const workstreams = [
      await org.addWorkstream(first, { fallbackQueueId: queues[0], wrapUpBlock: { seconds: 60 } }),
      await org.addWorkstream(second, { fallbackQueueId: queues[1], capacityUnits: 2 }),
      await org.addWorkstream(third, {
        channel: 'whatsapp',
        distribution: 'pick',
        fallbackQueueId: queues[0],
      }),
    ]
    const agents: TestAgent[] = []
    for (let index = 0; index < agentCount; index++) {
      const inQueues = index % 3 === 2 ? queues : [queues[index % 3] as string]
      agents.push(await org.addAgent({ lasting: true, capacityUnits: 2 + (index % 3), queues: inQueues }))
    }
    const supervisor = await org.addAgent({ lasting: true, role: 'supervisor', queues, presence: 'offline' })
    const customers = Array.from({ length: customerCount }, newCustomer)
    for (const [index, mobilePhone] of customers.entries()) {
      if (index % 2 === 1) continue
      const preferredAgentIds = [agents[index % agentCount], agents[(index + 1) % agentCount]].flatMap(
        (agent) => agent?.id ?? [],
      )
      await tried(org.admin.post('/v1/contacts', { name: 'Casey', mobilePhone, preferredAgentIds }))
    }
    return new World(ground, org, { numbers, workstreams, queues, agents, supervisor }, customers)
  }

  /** Ids of conversations, newest last; those in these states only. */
  async conversations(...statuses: string[]): Promise<string[]> {
    const { rows } = await this.ground.sql.query<{ id: string }>(
      `SELECT id FROM conversations WHERE org_id = $1 AND ($2::text[] = '{}' OR status::text = ANY ($2)) ORDER BY id`,
      [this.org.id, statuses],
    )
    return rows.map(({ id }) => id)
  }

  /** What is due by the clock is looked at now, not at the next sweep. */
  async look(): Promise<void> {
    for (const lane of ['timers', 'routing'] as const)
      await this.ground.service().parts.jobs.wake(lane, this.org.id)
  }

  /** An agent opens a stream, or closes the one that they have. */
  async turnStream(agentId: string): Promise<void> {
    const close = this.streams.get(agentId)
    if (close) {
      close()
      this.streams.delete(agentId)
      return
    }
    const { connections } = this.ground.service().parts
    this.streams.set(agentId, await connections.opened({ orgId: this.org.id, agentId }))
  }

  /** All are gone, and the service knows. */
  async closeStreams(): Promise<void> {
    for (const close of this.streams.values()) close()
    this.streams.clear()
    await eventually(
      () => this.ground.sql.query('SELECT 1 FROM agent_connections WHERE org_id = $1', [this.org.id]),
      ({ rowCount }) => rowCount === 0,
    )
  }

  /** Until nothing more happens by itself. */
  async settle(): Promise<void> {
    await this.look()
    const { sql, clock } = this.ground
    await eventually(
      async () =>
        (
          await sql.query<{ busy: boolean }>(
            `SELECT EXISTS (SELECT 1 FROM inbox WHERE org_id = $1)
               OR EXISTS (SELECT 1 FROM bulk_actions WHERE org_id = $1 AND finished_at IS NULL)
               OR EXISTS (SELECT 1 FROM outbox WHERE org_id = $1 AND position IS NULL)
               OR EXISTS (SELECT 1 FROM messages WHERE org_id = $1 AND status IN ('queued', 'sending'))
               OR EXISTS (SELECT 1 FROM agents a WHERE a.org_id = $1 AND (a.connection_lost_at <= $2::timestamptz - interval '150 seconds'
                 OR (a.work_leaves_at <= $2 AND NOT EXISTS (SELECT 1 FROM conversations c
                   WHERE c.org_id = a.org_id AND c.agent_id = a.id AND c.transfer_agent_id IS NOT NULL))))
               OR EXISTS (SELECT 1 FROM conversations WHERE org_id = $1 AND (due_at <= $2 OR (status = 'open' AND queue_id IS NULL))) AS busy`,
            [this.org.id, clock.now()],
          )
        ).rows[0]?.busy,
      (busy) => busy === false,
      60_000,
    )
  }
}

/** A call that may be refused by the state of things, and must never be a fault of ours. */
export async function tried(call: Promise<Response>): Promise<Response> {
  const answer = await call
  if (answer.status >= 500) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`)
  return answer
}
