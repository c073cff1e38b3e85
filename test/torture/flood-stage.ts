import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { apiClient, inParallel } from '../../src/bench/api-client.js'
import { type CallbackTarget, prepareCallbacks, type Senders } from '../../src/bench/callbacks.js'
import { listen } from '../../src/bench/event-listener.js'
import { flood } from '../../src/bench/flood.js'
import { allowManySessions, createAccount, createOrganization } from '../../src/bench/organization.js'
import { until } from '../../src/bench/processes.js'
import { newSecrets, type ServiceProcess, startService } from '../../src/bench/service-process.js'
import { percentile } from '../../src/bench/statistics.js'
import { type Simulator, startSimulator } from '../../src/simulator/server.js'
import { createTestDatabase } from '../support/database.js'
import { tellProvider } from '../support/simulator.js'

/** The service in a process of its own, which a flood cannot slow down by the load that we make. */
export interface FloodStage {
  service: ServiceProcess
  simulator: Simulator
  databaseUrl: string
  close(): Promise<void>
}

export async function openFloodStage(): Promise<FloodStage> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-flood-'))
  const database = await createTestDatabase()
  const simulator = await startSimulator({ host: '127.0.0.1', port: 0 })
  await tellProvider({ simulator }, 'settings', { reports: false })
  const { twilioApiUrl } = simulator
  const service = await startService({
    role: 'all',
    secrets: newSecrets(),
    dataDir,
    databaseUrl: database.url,
    redisUrl: null,
    twilioApiUrl,
    profile: null,
  })
  return {
    service,
    simulator,
    databaseUrl: database.url,
    async close() {
      await service.stop()
      await simulator.stop()
      await database.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** An organization with one number, an agent, and conversations that the agent has. */
export interface Business {
  adminKey: string
  agentKey: string
  target: CallbackTarget
  conversationIds: string[]
}

/** @param number also tells its customers from those of others */
export async function openBusiness(
  { service, simulator }: FloodStage,
  { name, number, conversations }: { name: string; number: string; conversations: number },
): Promise<Business> {
  const organization = await createOrganization(service, name)
  const { admin, adminKey } = organization
  const [target] = await createAccount(organization, simulator, { name: 'Twilio SMS', numbers: [number] })
  if (!target) throw new Error('There is no number.')
  await allowManySessions(organization)
  const agent = await admin.post<{ id: string }>('/v1/agents', {
    name: 'Agent',
    email: 'agent@example.com',
    role: 'agent',
    capacityUnits: 1000,
  })
  const [queue] = await admin.list<{ id: string }>('/v1/queues')
  await admin.put(`/v1/queues/${queue?.id}/members/${agent.id}`, {})
  const { key: agentKey } = await admin.post<{ key: string }>('/v1/api-keys', {
    name: 'Agent',
    role: 'agent',
    agentId: agent.id,
  })
  await postInbound(service.port, target, { kind: 'known', count: conversations }, conversations)
  const asAgent = apiClient(service.url, agentKey)
  let open: { id: string }[] = []
  await until('every conversation is in the queue', 60, async () => {
    open = await asAgent.list('/v1/conversations?view=open')
    return open.length === conversations
  })
  await inParallel(open, ({ id }) => asAgent.post(`/v1/conversations/${id}/pick`, {}))
  return { adminKey, agentKey, target, conversationIds: open.map(({ id }) => id) }
}

/** Customers write, as fast as the service takes it. Answers the provider's ids of the messages. */
export async function postInbound(
  port: number,
  target: CallbackTarget,
  senders: Senders,
  count: number,
): Promise<string[]> {
  const prepared = prepareCallbacks(target, senders, count)
  const requests = prepared.map(({ request }) => request)
  const connections = Math.min(count, 16)
  await flood({ port, connections, requests, seconds: null, expectedStatus: 200 })
  return prepared.map(({ messageSid }) => messageSid)
}

/** Milliseconds at p95 from the customer's text to the agent's event, and from the agent's reply to the provider. */
export interface Delays {
  toEvent: number
  toProvider: number
}

const probePause = 250

/** Single messages of one organization, in and out, as long as this takes. */
export async function measureDelays(
  { service, simulator }: FloodStage,
  business: Business,
  meanwhile: Promise<unknown>,
): Promise<Delays> {
  const received = new Map<string, number>()
  const listener = await listen(service.port, business.adminKey, (sid) => received.set(sid, Date.now()))
  const asAgent = apiClient(service.url, business.agentKey)
  const texted = new Map<string, number>()
  const replied = new Map<string, number>()
  const probe = async (index: number) => {
    const begin = Date.now()
    const [sid] = await postInbound(service.port, business.target, { kind: 'new', first: index }, 1)
    texted.set(sid ?? '', begin)
    const id = business.conversationIds[index % business.conversationIds.length]
    const text = `Reply ${index} at ${begin}`
    replied.set(text, Date.now())
    await asAgent.post(`/v1/conversations/${id}/messages`, { text })
  }
  const probes: Promise<void>[] = []
  let isOver = false
  const over = meanwhile.finally(() => {
    isOver = true
  })
  while (!isOver) {
    probes.push(probe(probes.length))
    await wait(probePause)
  }
  await over
  await Promise.all(probes)
  const arrivals = () =>
    new Map(simulator.sent().flatMap(({ text, createdAt }) => (replied.has(text) ? [[text, createdAt]] : [])))
  await until('every single message has arrived', 120, async () => {
    return arrivals().size === replied.size && [...texted.keys()].every((sid) => received.has(sid))
  })
  listener.close()
  const sent = arrivals()
  const toEvent = [...texted].map(([sid, begin]) => (received.get(sid) ?? 0) - begin)
  const toProvider = [...replied].map(([text, begin]) => Date.parse(sent.get(text) ?? '') - begin)
  return { toEvent: percentile(toEvent, 0.95), toProvider: percentile(toProvider, 0.95) }
}
