import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readServerPid } from '../../src/embedded/postgres-leftover.js'
import { startEmbeddedPostgres } from '../../src/embedded/postgres-server.js'
import { type Simulator, startSimulator } from '../../src/simulator/server.js'
import { openFrontDoor } from '../support/front-door.js'
import { insistingCaller } from '../support/insisting.js'
import { isAtRest, minutePasses } from '../support/ledger.js'
import { newKeys, type Program, startProgram } from '../support/program.js'
import { eventually, type ServiceDoor } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'

/** An installation of several processes that are started again when they die, on a PostgreSQL that keeps what it commits. */
export interface Stage extends ServiceDoor {
  databaseUrl: string
  simulator: Simulator
  /** The address of the installation */
  url: string
  /** By name, each with its death */
  victims: Record<string, () => void | Promise<void>>
  /**
   * Kills every process of the service, and what they left behind is a minute old when they come back. Answers when nothing is
   * under way any more.
   */
  settle(): Promise<void>
  close(): Promise<void>
}

const roles = { service: 'all', api: 'api', worker: 'worker' } as const

export interface StageOptions {
  /** What stands between the service and its PostgreSQL */
  through?: (databaseUrl: string) => Promise<string>
  redisUrl?: string
}

export async function openStage({ through, redisUrl }: StageOptions = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-torture-'))
  await chmod(folder, 0o711)
  const postgres = await startEmbeddedPostgres({ dataDir: folder })
  const simulator = await startSimulator({ host: '127.0.0.1', port: 0 })
  const retries = Array.from({ length: 10 }, () => 500)
  await tellProvider({ simulator }, 'settings', {
    reportDelayMs: 50,
    twilioRetryWaitMs: 500,
    telesignRetryWaitsMs: retries,
  })
  const programs = new Map<string, Program>()
  const door = await openFrontDoor(() => ['service', 'api'].flatMap((name) => programs.get(name)?.port ?? []))
  const { twilioApiUrl, telesignApiUrl } = simulator
  const keys = newKeys()
  const place = { databaseUrl: postgres.url }
  const databaseUrl = through ? await through(postgres.url) : postgres.url
  const logFile = join(folder, 'program.log')
  const settings = {
    ...keys,
    databaseUrl,
    redisUrl: redisUrl ?? null,
    publicUrl: door.url,
    twilioApiUrl,
    telesignApiUrl,
    logFile,
  }
  let gate: Promise<void> = Promise.resolve()
  for (const [name, role] of Object.entries(roles)) {
    programs.set(name, await startProgram({ ...settings, role }, () => gate))
  }
  const killPostgres = async () => {
    const pid = await readServerPid(join(folder, 'pg18'))
    if (pid !== null) process.kill(pid, 'SIGKILL')
  }
  const deaths = [...programs].map(([name, program]) => [name, () => program.kill()] as const)
  return {
    ...place,
    simulator,
    url: door.url,
    platformKey: keys.platformKey,
    as: (key) => insistingCaller(door.url, key),
    victims: { ...Object.fromEntries(deaths), database: killPostgres },
    async settle() {
      for (const program of programs.values()) program.kill()
      // None has noticed yet
      gate = minutePasses(place)
      await gate
      await eventually(
        () => isAtRest(place),
        (rest) => rest,
        90_000,
      ).catch(async (error: Error) => {
        throw new Error(`${error.message}\n${(await readFile(logFile, 'utf8')).slice(-5000)}`)
      })
    },
    async close() {
      await Promise.all([...programs.values()].map((program) => program.stop()))
      await door.close()
      await simulator.stop()
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
