import fc from 'fast-check'
import { days, hours, minutes, seconds } from '../../src/lib/clock.js'
import { checkMoment } from './invariants.js'
import { type Model, tried, type World } from './world.js'

/** What somebody does, or what happens. The numbers choose among who and what there is at that moment. */
type Act = (world: World, model: Model, pick: Pick) => Promise<unknown>
type Pick = <Item>(items: readonly Item[], choice?: 'first' | 'second') => Item | undefined

const steps: Record<string, { weight: number; act: Act }> = {
  'customer writes': { weight: 12, act: (world, model, pick) => customerWrites(world, model, pick) },
  'customer writes twice at once': {
    weight: 2,
    act: async (world, model, pick) => {
      const [one, other] = [pick(world.customers), pick(world.customers, 'second')]
      await Promise.all([
        customerWrites(world, model, () => one as never),
        ...(one === other ? [] : [customerWrites(world, model, () => other as never)]),
      ])
    },
  },
  'agent accepts': { weight: 12, act: holderDoes('accept', 'active') },
  'agent rejects': { weight: 3, act: holderDoes('reject', 'active') },
  'agent closes': { weight: 5, act: holderDoes('close', 'active', 'wrap_up') },
  'agent ends': { weight: 4, act: holderDoes('end', 'active') },
  'agent releases': { weight: 2, act: holderDoes('release', 'active') },
  'agent answers': { weight: 8, act: answer },
  'any agent accepts': { weight: 2, act: agentDoes('accept', 'active') },
  'agent picks': { weight: 4, act: agentDoes('pick', 'open') },
  'agent resumes': { weight: 3, act: agentDoes('resume', 'waiting') },
  'two agents pick at once': {
    weight: 2,
    act: async (world, _model, pick) => {
      const id = pick(await world.conversations('open'))
      if (!id) return
      await Promise.all(world.agents.slice(0, 3).map((agent) => tried(post(world, agent, `${id}/pick`))))
    },
  },
  'supervisor forces it closed': {
    weight: 1,
    act: async (world, _model, pick) => {
      const id = pick(await world.conversations('open', 'active', 'waiting', 'wrap_up'))
      if (id) await tried(post(world, world.supervisor, `${id}/force-close`))
    },
  },
  'supervisor assigns it': {
    weight: 3,
    act: async (world, _model, pick) => {
      const [id, agent] = [pick(await world.conversations('open')), pick(world.agents, 'second')]
      const override = pick([true, false], 'second')
      if (id && agent)
        await tried(post(world, world.supervisor, `${id}/assign`, { agentId: agent.id, override }))
    },
  },
  'supervisor acts on several at once': {
    weight: 2,
    act: async (world, model, pick) => {
      const conversationIds = (await world.conversations()).slice(-4)
      const action = pick(
        [
          { type: 'assign', agentId: pick(world.agents)?.id },
          { type: 'assign', queueId: pick(world.queues) },
          { type: 'message_customer', text: `To all, at step ${model.steps}` },
          { type: 'message_customer', text: `To you, at step ${model.steps}` },
          { type: 'force_close' },
        ],
        'second',
      )
      const as = world.ground.service(callCount++).as(world.supervisor.key)
      if (conversationIds.length > 0) await tried(as.post('/v1/bulk-actions', { conversationIds, action }))
    },
  },
  'supervisor transfers to an agent': {
    weight: 2,
    act: async (world, _model, pick) => {
      const [id, agent] = [pick(await world.conversations('active', 'waiting')), pick(world.agents, 'second')]
      if (id && agent) await tried(post(world, world.supervisor, `${id}/transfer`, { agentId: agent.id }))
    },
  },
  'transfer to an agent': {
    weight: 4,
    act: async (world, _model, pick) => {
      const holder = await holderOf(world, pick(await world.conversations('active')))
      const other = pick(world.agents, 'second')
      if (holder && other)
        await tried(post(world, holder.agent, `${holder.id}/transfer`, { agentId: other.id }))
    },
  },
  'the other agent takes or leaves it': {
    weight: 5,
    act: async (world, _model, pick) => {
      const { rows } = await world.ground.sql.query<{ id: string; agentId: string }>(
        `SELECT id, transfer_agent_id AS "agentId" FROM conversations WHERE org_id = $1 AND transfer_agent_id IS NOT NULL ORDER BY id`,
        [world.org.id],
      )
      const found = pick(rows)
      const agent = world.agents.find(({ id }) => id === found?.agentId)
      const call = pick(['accept', 'accept', 'reject'], 'second') as string
      if (found && agent) await tried(post(world, agent, `${found.id}/${call}`))
    },
  },
  'transfer to a queue': {
    weight: 2,
    act: async (world, _model, pick) => {
      const holder = await holderOf(world, pick(await world.conversations('active')))
      const queueId = pick(world.queues, 'second')
      if (holder) await tried(post(world, holder.agent, `${holder.id}/transfer`, { queueId }))
    },
  },
  'agent consults another': {
    weight: 3,
    act: async (world, _model, pick) => {
      const holder = await holderOf(world, pick(await world.conversations('active')))
      const other = pick(world.agents, 'second')
      const invited = pick(
        [{ agentId: other?.id }, { agentId: other?.id }, { queueId: pick(world.queues) }],
        'second',
      )
      if (holder) await tried(post(world, holder.agent, `${holder.id}/consults`, invited))
    },
  },
  'whoever was invited answers': {
    weight: 3,
    act: async (world, _model, pick) => {
      const [id, agent] = [pick(await world.conversations('active')), pick(world.agents, 'second')]
      if (id && agent) await tried(post(world, agent, `${id}/${pick(['accept', 'reject'])}`))
    },
  },
  'a consult goes on': {
    weight: 3,
    act: async (world, _model, pick) => {
      const holder = await holderOf(world, pick(await world.conversations('active')))
      if (!holder) return
      const { body } = await tried(world.org.as(holder.agent).get(`/v1/conversations/${holder.id}/consults`))
      const consult = pick<{ id: string }>(body.data ?? [], 'second')
      const step = pick(['add', 'remove'], 'second')
      if (consult) await tried(post(world, holder.agent, `${holder.id}/consults/${consult.id}/${step}`))
    },
  },
  'agent’s presence changes': {
    weight: 4,
    act: async (world, _model, pick) => {
      const presence = pick(['available', 'available', 'busy', 'do_not_disturb', 'away', 'offline'], 'second')
      await tried(world.org.as(pick(world.agents) as never).put('/v1/me/presence', { presence }))
    },
  },
  'agent’s stream begins or ends': {
    weight: 5,
    act: async (world, _model, pick) => {
      const agent = pick(world.agents)
      if (agent) await world.turnStream(agent.id)
    },
  },
  'agent’s capacity changes': {
    weight: 2,
    act: async (world, _model, pick) => {
      const capacityUnits = pick([0, 1, 2, 5, 10], 'second')
      await tried(world.org.admin.patch(`/v1/agents/${pick(world.agents)?.id}`, { capacityUnits }))
    },
  },
  'agent joins or leaves a queue': {
    weight: 2,
    act: async (world, _model, pick) => {
      const path = `/v1/queues/${pick(world.queues)}/members/${pick(world.agents, 'second')?.id}`
      await tried(pick([true, false]) ? world.org.admin.put(path) : world.org.admin.delete(path))
    },
  },
  'rules change': {
    weight: 1,
    act: async (world, _model, pick) => {
      const when = { field: 'firstMessage.text', op: 'contains', value: pick(['1', '5', '9'], 'second') }
      const rules = pick([[], [{ name: 'By text', when, queueId: pick(world.queues, 'second') }]])
      await tried(world.org.admin.put(`/v1/workstreams/${pick(world.workstreams)}/routing-rules`, { rules }))
    },
  },
  'the organization goes by preferred agents or not': {
    weight: 2,
    act: async (world, _model, pick) => {
      const preferredAgents = pick(['next_best', 'unassigned', 'off'])
      await tried(world.org.admin.put('/v1/routing-settings', { preferredAgents }))
    },
  },
  'workstream changes': {
    weight: 1,
    act: async (world, _model, pick) => {
      const change = pick(
        [
          { capacityUnits: 1 },
          { capacityUnits: 2 },
          { wrapUpBlock: 'none' },
          { wrapUpBlock: 'always' },
          { keepSameAgent: false },
        ],
        'second',
      )
      await tried(world.org.admin.patch(`/v1/workstreams/${pick(world.workstreams)}`, change))
    },
  },
  'time goes by': {
    weight: 5,
    act: async (world, _model, pick) => {
      const spans = [seconds(30), minutes(2), minutes(3), hours(1), hours(9), days(1.5)]
      world.ground.clock.forward(pick(spans) as number)
      await world.look()
    },
  },
  'provider refuses': {
    weight: 1,
    act: async (world, _model, pick) => {
      await fetch(`${world.ground.service().simulator.url}/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ to: pick(world.customers), mode: 'fail_delivery', code: '30003' }),
      })
    },
  },
  'all settles': { weight: 1, act: (world) => world.settle() },
}

async function customerWrites(world: World, model: Model, pick: Pick): Promise<void> {
  const customer = pick(world.customers)
  const number = world.numbers[world.customers.indexOf(customer ?? '') % world.numbers.length]
  if (!customer || !number) return
  const texts = model.written.get(customer) ?? []
  const text = `${texts.length + 1} of ${customer}`
  await world.org.customerTexts(customer, number, text)
  model.written.set(customer, [...texts, text])
}

/** By turns through each process of the service. */
let callCount = 0
const post = (world: World, agent: { key: string }, path: `${string}/${string}`, body?: object) =>
  world.ground.service(callCount++).as(agent.key).post(`/v1/conversations/${path}`, body)

async function holderOf(world: World, id: string | undefined) {
  if (!id) return null
  const { rows } = await world.ground.sql.query<{ agentId: string | null }>(
    `SELECT agent_id AS "agentId" FROM conversations WHERE org_id = $1 AND id = $2`,
    [world.org.id, id],
  )
  const agent = world.agents.find(({ id: agentId }) => agentId === rows[0]?.agentId)
  return agent ? { id, agent } : null
}

function holderDoes(call: string, ...statuses: string[]): Act {
  return async (world, _model, pick) => {
    const holder = await holderOf(world, pick(await world.conversations(...statuses)))
    if (holder) await tried(post(world, holder.agent, `${holder.id}/${call}`))
  }
}

function agentDoes(call: string, status: string): Act {
  return async (world, _model, pick) => {
    const [id, agent] = [pick(await world.conversations(status)), pick(world.agents, 'second')]
    if (id && agent) await tried(post(world, agent, `${id}/${call}`))
  }
}

async function answer(world: World, model: Model, pick: Pick): Promise<void> {
  const holder = await holderOf(world, pick(await world.conversations('active')))
  if (!holder) return
  const { status, body } = await tried(
    post(world, holder.agent, `${holder.id}/messages`, { text: `Answer ${model.replies.size}` }),
  )
  if (status === 202) model.replies.add(body.id)
}

class Step implements fc.AsyncCommand<Model, World> {
  constructor(
    private readonly name: string,
    private readonly first: number,
    private readonly second: number,
  ) {}

  check(): boolean {
    return true
  }

  async run(model: Model, world: World): Promise<void> {
    const pick: Pick = (items, choice = 'first') => items[this[choice] % Math.max(1, items.length)]
    model.steps += 1
    if (process.env['MODEL_STEPS']) process.stdout.write(`${model.steps} ${this}\n`)
    await steps[this.name]?.act(world, model, pick)
    await checkMoment(world, model)
  }

  toString(): string {
    return `${this.name} (${this.first}, ${this.second})`
  }
}

/** Any steps, in any order. */
export const anySteps = (most: number) =>
  fc.commands(
    Object.entries(steps).flatMap(([name, { weight }]) =>
      Array.from({ length: weight }, () =>
        fc.tuple(fc.nat(1_000), fc.nat(1_000)).map(([first, second]) => new Step(name, first, second)),
      ),
    ),
    { maxCommands: most, size: 'max' },
  )
