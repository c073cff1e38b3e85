import { inParallel } from './api-client.js'
import type { Measured } from './figures.js'
import { connections } from './inbound.js'
import { createAccount, createOrganization } from './organization.js'
import type { Stage } from './stage.js'
import { percentile } from './statistics.js'

const queues = 50
const agents = 490
const admins = 10
const perSecond = 100
const others = 2
const streamsOfOther = 750
const kibibyte = 1024

/**
 * 500 open streams in one process: agents, who hear what comes into their queue, and some who hear everything, while
 * new customers write. No agent is there, so that each conversation stays open and is heard by a whole queue.
 */
export async function measureStreams(stage: Stage, seconds: number): Promise<Measured[]> {
  const { service, simulator, load, say } = stage
  say('500 open event streams …')
  const organization = await createOrganization(service, 'Bench streams')
  const { admin } = organization
  const numbers = Array.from({ length: queues }, (_, index) => `+1206557${String(1000 + index)}`)
  const targets = await createAccount(organization, simulator, { name: 'Twilio SMS', numbers })
  const rows = await admin.list<{ id: string; number: string }>('/v1/channel-numbers')
  const queueIds: string[] = []
  for (const { id: numberId, number } of rows) {
    const queue = await admin.post<{ id: string }>('/v1/queues', { name: `Queue of ${number}` })
    queueIds.push(queue.id)
    const workstream = await admin.post<{ id: string }>('/v1/workstreams', {
      name: `Workstream of ${number}`,
      channel: 'sms',
      distribution: 'push',
      autoCloseAfterMinutes: 1440,
      fallbackQueueId: queue.id,
    })
    await admin.post(`/v1/workstreams/${workstream.id}/channels`, { numberId, language: 'en-US' })
  }
  const keys = Array.from({ length: admins }, () => organization.adminKey)
  await inParallel(
    Array.from({ length: agents }, (_, index) => index),
    async (index) => {
      const { id } = await admin.post<{ id: string }>('/v1/agents', {
        name: `Agent ${index}`,
        email: `agent-${index}@example.com`,
        role: 'agent',
        capacityUnits: 5,
      })
      await admin.put(`/v1/queues/${queueIds[index % queues]}/members/${id}`, {})
      const { token } = await admin.post<{ token: string }>(`/v1/agents/${id}/tokens`, {})
      keys.push(token)
    },
  )
  const more: string[] = []
  for (let index = 0; index < others; index++) {
    const { adminKey } = await createOrganization(service, `Bench streams, other ${index}`)
    more.push(...Array.from({ length: streamsOfOther }, () => adminKey))
  }
  const { toStream, bytesEach } = await load.run('streams', {
    port: service.port,
    connections,
    keys,
    more,
    targets,
    perSecond,
    seconds,
  })
  await stage.settle()
  const detail = { streams: keys.length, perSecond, heard: toStream.length, p50: percentile(toStream, 0.5) }
  return [
    { name: 'stream_p99', value: percentile(toStream, 0.99), detail },
    { name: 'stream_memory', value: bytesEach / kibibyte },
  ]
}
