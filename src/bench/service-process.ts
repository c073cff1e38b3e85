import { randomBytes } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTiedProcess } from '../embedded/tied-process.js'
import { freePort, until } from './processes.js'

/** Processes of one service share them. */
export interface Secrets {
  platformKey: string
  encryptionKeys: string
}

export const newSecrets = (): Secrets => ({
  platformKey: `platform_${randomBytes(24).toString('base64url')}`,
  encryptionKeys: `k1:${randomBytes(32).toString('base64')}`,
})

export interface ServiceProcess {
  port: number
  url: string
  platformKey: string
  /** Stops it as it stands, and lets it go on */
  pause(): void
  resume(): void
  /** The newest warnings and errors of its log */
  complaints(): Promise<string>
  stop(): Promise<void>
}

export interface ServiceOrder {
  role: 'all' | 'api'
  secrets: Secrets
  dataDir: string
  databaseUrl: string
  redisUrl: string | null
  twilioApiUrl: string
  /** Folder for a CPU profile */
  profile: string | null
}

/** The same from src/bench, where the tests are, and from dist/bench. */
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** As `npm start` and the container give them (README, "What runs by default and what at scale"). */
export const nodeFlags = [
  '--max-semi-space-size=16',
  '--no-allocation-site-pretenuring',
  '--heap-growing-percent=100',
]

/** The service in a process of its own, as `npm start` runs it, but for the rate limits on callers. */
export async function startService(order: ServiceOrder): Promise<ServiceProcess> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { platformKey, encryptionKeys } = order.secrets
  const settings = {
    ROLE: order.role,
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: url,
    DATABASE_URL: order.databaseUrl,
    REDIS_URL: order.redisUrl ?? '',
    PLATFORM_API_KEY: platformKey,
    ENCRYPTION_KEYS: encryptionKeys,
    TWILIO_API_URL: order.twilioApiUrl,
    SIMULATOR: 'off',
    RATE_LIMIT: 'off',
    DATA_DIR: order.dataDir,
    LOG_LEVEL: 'info',
  }
  const variables = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  const profiling = order.profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(order.profile)}`]
  const [logFile, pidFile] = [
    join(order.dataDir, `service-${port}.log`),
    join(order.dataDir, `service-${port}.pid`),
  ]
  const log = await open(logFile, 'a')
  const child = startTiedProcess(
    [
      'sh',
      '-c',
      'echo $$ >"$0"; exec env "$@"',
      pidFile,
      ...variables,
      process.execPath,
      ...nodeFlags,
      ...profiling,
      program,
    ],
    {
      stopSignal: 'TERM',
      output: log.fd,
    },
  )
  let hasEnded = false
  child.exited.then(
    () => {
      hasEnded = true
    },
    () => undefined,
  )
  await until('the service serves', 60, async () => {
    if (hasEnded) throw new Error(`The service ended:\n${await readFile(logFile, 'utf8')}`)
    return fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  const pid = Number(await readFile(pidFile, 'utf8'))
  return {
    port,
    url,
    platformKey,
    pause: () => void process.kill(pid, 'SIGSTOP'),
    resume: () => void process.kill(pid, 'SIGCONT'),
    complaints: async () =>
      (await readFile(logFile, 'utf8')).split('\n').filter(isComplaint).slice(-5).join('\n'),
    stop: async () => {
      await child.stop()
      await log.close()
    },
  }
}

/** From warn on. */
const isComplaint = (line: string): boolean => /^\{"level":"(warn|error|fatal)"/.test(line)
