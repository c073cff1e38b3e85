import { apiClient, inParallel } from './api-client.js'
import type { Measured } from './figures.js'
import { allowManySessions, createAccount, createOrganization } from './organization.js'
import { until } from './processes.js'
import type { Stage } from './stage.js'

const accounts = 20
const numbersPerAccount = 30
const providerLatencyMs = 50
const connections = 32
const aimPerSecond = 500

/**
 * Makes accounts and conversations, and warms up by them.
 * @returns what measures replies per second, from the first call of the API to the provider's last acceptance
 */
export async function prepareSends(stage: Stage, seconds: number): Promise<() => Promise<Measured[]>> {
  const { service, simulator, load, say } = stage
  say(`  preparing ${accounts} accounts with ${numbersPerAccount} numbers each, one conversation a number`)
  await changeSimulator(stage, { latencyMs: 0, reports: false })
  const { organizationId, apiKey, conversationIds } = await prepareConversations(stage)
  await changeSimulator(stage, { latencyMs: providerLatencyMs, reports: false })
  let round = 0
  const send = async (count: number) => {
    const words = `It is on its way and comes tomorrow. (${++round}.`
    const posts = Array.from({ length: count }, (_, index) => ({
      path: `/v1/conversations/${conversationIds[index % conversationIds.length]}/messages`,
      body: { text: `${words}${index})` },
    }))
    const accepted = await load.run('calls', { port: service.port, connections, apiKey, posts })
    await until(`${count} replies are sent`, 300, () => isAllSent(stage, organizationId))
    const arrived = simulator.sent().filter(({ text }) => text.startsWith(words))
    if (arrived.length !== count)
      throw new Error(`${count} replies were queued, ${arrived.length} were sent.`)
    const last = Math.max(...arrived.map(({ createdAt }) => Date.parse(createdAt))) + providerLatencyMs
    return {
      sent: count / ((last - accepted.startedAt) / 1000),
      queued: accepted.answered / accepted.seconds,
    }
  }
  say('  warming up')
  await send(aimPerSecond)
  return async () => {
    const { sent, queued } = await send(Math.ceil(aimPerSecond * seconds))
    say(`  ${Math.round(queued)} /s queued, ${Math.round(sent)} /s sent`)
    return [{ name: 'sends', value: sent, detail: { queued } }]
  }
}

async function changeSimulator({ simulator }: Stage, settings: object): Promise<void> {
  await apiClient(simulator.url, '').post('/settings', settings)
}

/** One conversation for each number, accepted by one agent, and that agent's key. */
async function prepareConversations(stage: Stage) {
  const { service, simulator, load } = stage
  const organization = await createOrganization(service, 'Bench sends')
  const { admin } = organization
  const numberAt = (index: number) => `+1360${2_000_000 + index}`
  const targets = await inParallel(
    Array.from({ length: accounts }, (_, index) => index),
    (account) => {
      const first = account * numbersPerAccount
      const numbers = Array.from({ length: numbersPerAccount }, (_, index) => numberAt(first + index))
      return createAccount(organization, simulator, { name: `Account ${account + 1}`, numbers })
    },
    2,
  )
  for (const target of targets.flat()) {
    const senders = { kind: 'known', count: 1 } as const
    await load.run('callbacks', {
      port: service.port,
      connections: 1,
      target,
      senders,
      count: 1,
      seconds: null,
    })
  }
  await allowManySessions(organization)
  const agent = await admin.post<{ id: string }>('/v1/agents', {
    name: 'Bench Agent',
    email: 'bench@example.com',
    role: 'agent',
    capacityUnits: 10_000,
  })
  const [queue] = await admin.list<{ id: string }>('/v1/queues')
  await admin.put(`/v1/queues/${queue?.id}/members/${agent.id}`, {})
  const { key: apiKey } = await admin.post<{ key: string }>('/v1/api-keys', {
    name: 'Bench agent',
    role: 'agent',
    agentId: agent.id,
  })
  const asAgent = apiClient(service.url, apiKey)
  let open: { id: string }[] = []
  await until('every conversation is in the queue', 60, async () => {
    open = await asAgent.list('/v1/conversations?view=open')
    return open.length === accounts * numbersPerAccount
  })
  await inParallel(open, ({ id }) => asAgent.post(`/v1/conversations/${id}/pick`, {}))
  return { organizationId: organization.id, apiKey, conversationIds: open.map(({ id }) => id) }
}

async function isAllSent({ database }: Stage, organizationId: string): Promise<boolean> {
  const found = await database.query<{ status: string; count: number }>(
    `SELECT status, count(*)::int AS count FROM messages WHERE org_id = $1 AND direction = 'outbound' GROUP BY status`,
    [organizationId],
  )
  const failed = found.rows.find(({ status }) => status === 'failed' || status === 'unknown')
  if (failed) throw new Error(`${failed.count} replies are ${failed.status}.`)
  return found.rows.every(({ status }) => status !== 'queued' && status !== 'sending')
}
