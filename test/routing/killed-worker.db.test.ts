import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startSimulator } from '../../src/simulator/server.js'
import { brokenWork } from '../support/broken-work.js'
import { createTestDatabase } from '../support/database.js'
import { EventListener } from '../support/event-listener.js'
import { openFrontDoor } from '../support/front-door.js'
import { insistingCaller } from '../support/insisting.js'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { newKeys, type Program, startProgram } from '../support/program.js'
import { eventually, redisDatabase } from '../support/service.js'
import { runSql } from '../support/sql.js'

const redisUrl = redisDatabase(11)
// Where no Redis is at hand the other half runs alone; in CI its absence fails the whole run (test/support/redis.ts)
const stores = [['PostgreSQL', null] as const, ...(redisUrl ? [['Redis', redisUrl] as const] : [])]
const customers = 24
/** The jobs of a dead worker are free after half a minute */
const patience = 60_000

/** Two api processes and two workers of one installation, each of them the compiled program. */
async function openInstallation(redisUrl: string | null) {
  const folder = await mkdtemp(join(tmpdir(), 'parley-killed-worker-'))
  const database = await createTestDatabase()
  const simulator = await startSimulator({ host: '127.0.0.1', port: 0 })
  const { twilioApiUrl, telesignApiUrl } = simulator
  const keys = newKeys()
  const apis: Program[] = []
  const workers: Program[] = []
  const door = await openFrontDoor(() => apis.map(({ port }) => port))
  const order = {
    ...keys,
    databaseUrl: database.url,
    redisUrl,
    publicUrl: door.url,
    twilioApiUrl,
    telesignApiUrl,
  }
  const start = (role: 'api' | 'worker') =>
    startProgram({ ...order, role, logFile: join(folder, 'program.log') })
  for (const _ of [1, 2]) apis.push(await start('api'))
  for (const _ of [1, 2]) workers.push(await start('worker'))
  return {
    apis,
    workers,
    databaseUrl: database.url,
    door: {
      simulator,
      platformKey: keys.platformKey,
      as: (key: string | null) => insistingCaller(door.url, key),
    },
    async close() {
      await Promise.all([...apis, ...workers].map((program) => program.stop()))
      await door.close()
      await simulator.stop()
      await database.drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

describe.each(stores)(
  'two api processes and two workers with jobs on %s, a worker killed in the middle',
  (_name, redis) => {
    it('every conversation is worked once, capacity is what is held, and every stream hears all of it', async () => {
      const installation = await openInstallation(redis)
      try {
        const org = await TestOrganization.create(installation.door)
        const number = await org.addNumber('twilio sms')
        const agents = await Promise.all(
          Array.from({ length: 3 }, () => org.addAgent({ capacityUnits: 3, lasting: true })),
        )
        const streams = await Promise.all(
          installation.apis.map(({ port }) =>
            EventListener.open({ url: `http://127.0.0.1:${port}` }, org.adminKey),
          ),
        )
        const found: unknown[] = []
        const look = async () => found.push(...(await brokenWork(installation, org.id)))
        let worked = 0

        const serve = async () => {
          const customer = newCustomer()
          await org.customerTexts(customer, number, 'Hello')
          const { id, agentId } = await org.conversationOf(
            customer,
            ({ status }) => status === 'active',
            patience,
          )
          const agent = agents.find((one) => one.id === agentId)
          for (const step of ['accept', 'end', 'close'])
            await done(org.as(agent!).post(`/v1/conversations/${id}/${step}`), 200)
          await look()
          if (++worked === customers / 3) installation.workers[0]?.kill()
        }
        await Promise.all(Array.from({ length: customers }, serve))

        const closed = ({ heard }: EventListener) =>
          heard.filter(({ type }) => type === 'conversation.closed').map(({ id }) => id)
        await eventually(
          async () => streams.map((stream) => closed(stream).length),
          (counts) => counts.every((count) => count === customers),
          patience,
        )
        for (const stream of streams) stream.stop()
        const sessions = await runSql(
          installation,
          `SELECT count(*)::int AS accepted, count(DISTINCT conversation_id)::int AS conversations FROM sessions
         WHERE accepted_at IS NOT NULL`,
        )
        expect(found).toEqual([])
        expect(sessions).toEqual([{ accepted: customers, conversations: customers }])
        expect(streams[1]?.heard).toEqual(streams[0]?.heard)
        expect(installation.workers.map(({ starts }) => starts)).toEqual([2, 1])
      } finally {
        await installation.close()
      }
    }, 240_000)
  },
)
