import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startSimulator } from '../../src/simulator/server.js'
import { createTestDatabase } from './database.js'
import { FaultPoints, watchDatabase, watchProvider } from './fault-points.js'
import { openFrontDoor } from './front-door.js'
import { insistingCaller } from './insisting.js'
import { isAtRest, keptMessages, minutePasses } from './ledger.js'
import {
  type ChannelKind,
  done,
  newCustomer,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from './organization.js'
import { newKeys, type Program, startProgram } from './program.js'
import { eventually } from './service.js'
import { tellProvider } from './simulator.js'

const patience = 40_000

/** The compiled program in a process of its own, with a fault point at each commit and each call of a provider. */
export interface KillStage {
  points: FaultPoints
  /** Behind the fault points */
  place: { databaseUrl: string }
  org: TestOrganization
  /** Has room for everything */
  agent: TestAgent
  kill(): void
  addNumber(kind: ChannelKind): Promise<TestNumber>
  reports(on: boolean): Promise<void>
  /**
   * A new customer writes, an agent is offered it, accepts and answers, the provider reports; whoever gets no answer asks
   * again. Then everything is at rest, and each text is where it belongs exactly once. Answers what became of the reply.
   */
  story(number: TestNumber, name: string): Promise<string>
  close(): Promise<void>
}

export async function openKillStage(): Promise<KillStage> {
  const points = new FaultPoints()
  const folder = await mkdtemp(join(tmpdir(), 'parley-kill-'))
  const logFile = join(folder, 'program.log')
  const database = await createTestDatabase()
  const place = { databaseUrl: database.url }
  const simulator = await startSimulator({ host: '127.0.0.1', port: 0 })
  const watched = await watchDatabase(database.url, points)
  const twilio = await watchProvider(simulator.twilioApiUrl, points)
  const telesign = await watchProvider(simulator.telesignApiUrl, points)
  let program: Program | null = null
  const door = await openFrontDoor(() => (program ? [program.port] : []))
  const keys = newKeys()
  const settings = { ...keys, databaseUrl: watched.url, publicUrl: door.url, logFile }
  program = await startProgram({ ...settings, twilioApiUrl: twilio.url, telesignApiUrl: telesign.url }, () =>
    minutePasses(place),
  )
  const tell = (change: object) => tellProvider({ simulator }, 'settings', change)
  const retries = Array.from({ length: 10 }, () => 50)
  await tell({ reportDelayMs: 10, twilioRetryWaitMs: 50, telesignRetryWaitsMs: retries })
  const as = (key: string | null) => insistingCaller(door.url, key)
  const org = await TestOrganization.create({ simulator, platformKey: keys.platformKey, as })
  await org.allowSessions(10_000)
  const agent = await org.addAgent({ capacityUnits: 10_000, lasting: true })

  async function tellStory(number: TestNumber, name: string): Promise<void> {
    const { id } = await org.acceptedConversation(agent, number, newCustomer(), `Question ${name}`)
    const path = `/v1/conversations/${id}/messages`
    await done(org.as(agent).post(path, { text: `Answer ${name}` }), 202)
    await eventually(
      async () => (await isAtRest(place)) && (await keptMessages(place, name)).every(isSettled),
      (rest) => rest,
      patience,
    )
  }
  return {
    points,
    org,
    agent,
    kill: () => program?.kill(),
    place,
    addNumber: (kind) => org.addNumber(kind),
    reports: (on) => tell({ reports: on }),
    async story(number, name) {
      await tellStory(number, name).catch(async (error: Error) => {
        const log = await readFile(logFile, 'utf8')
        throw new Error(`${error.message}\nPassed: ${points.passed.join(', ')}\n${log.slice(-3000)}`)
      })
      const kept = await keptMessages(place, name)
      expect(kept.map(({ text, announced }) => [text, announced])).toEqual([
        [`Question ${name}`, 1],
        [`Answer ${name}`, 0],
      ])
      const sent = simulator.sent().filter(({ text }) => text === `Answer ${name}`)
      const status = kept[1]?.status ?? ''
      if (status === 'unknown') expect([sent.length <= 1, kept[1]?.toldUnknown]).toEqual([true, 1])
      else expect(sent).toHaveLength(1)
      return status
    },
    async close() {
      await program?.stop()
      await door.close()
      for (const { wire } of [watched, twilio, telesign]) await wire.close()
      await simulator.stop()
      await database.drop()
      await rm(folder, { recursive: true })
    },
  }
}

/** Nothing more is to be expected, unless a person decides. */
const isSettled = ({ status }: { status: string }) => ['received', 'delivered', 'unknown'].includes(status)
