import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './service.js'

const root = join(import.meta.dirname, '..', '..')

export interface ProgramSettings {
  databaseUrl: string
  publicUrl: string
  twilioApiUrl: string
  telesignApiUrl: string
  role?: 'all' | 'api' | 'worker'
  redisUrl?: string | null
  /** Shared by every process of the installation */
  platformKey: string
  encryptionKeys: string
  logFile: string
}

/** Keys that all processes of one installation share. */
export const newKeys = () => ({
  platformKey: `platform_${randomBytes(24).toString('base64url')}`,
  encryptionKeys: `k1:${randomBytes(32).toString('base64')}`,
})

/** A process of the compiled program that is started again whenever it dies, as a service manager does. */
export interface Program {
  port: number
  /** How often it was started */
  readonly starts: number
  /** `kill -9`, at this very moment. */
  kill(): void
  stop(): Promise<void>
}

// The program must not outlive a test run that is killed itself
const endWithTest = "data:text/javascript,process.stdin.resume().on('end',()=>process.exit(1)).unref()"

let isBuilt = false

/** What `npm test` has done before, for those who run a single file: `dist` is what the sources say. */
function build(): void {
  if (isBuilt) return
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs')], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`The program could not be built:\n${stderr}`)
  isBuilt = true
}

/** @param beforeRestart what happens between its death and its next start */
export async function startProgram(
  settings: ProgramSettings,
  beforeRestart: () => Promise<void> = async () => undefined,
): Promise<Program> {
  build()
  const port = await freePort()
  let child = launch(settings, port)
  let starts = 1
  let isStopping = false
  const keepRunning = async () => {
    for (;;) {
      await once(child, 'exit')
      if (isStopping) return
      await beforeRestart()
      if (isStopping) return
      child = launch(settings, port)
      starts += 1
    }
  }
  const running = keepRunning()
  return {
    port,
    get starts() {
      return starts
    },
    kill: () => {
      child.kill('SIGKILL')
    },
    stop: async () => {
      isStopping = true
      child.kill('SIGTERM')
      const tooLong = setTimeout(() => child.kill('SIGKILL'), 20_000)
      await running
      clearTimeout(tooLong)
    },
  }
}

function launch(settings: ProgramSettings, port: number): ChildProcess {
  const log = openSync(settings.logFile, 'a')
  return spawn(process.execPath, ['--import', endWithTest, join(root, 'dist', 'main.js')], {
    stdio: ['pipe', log, log],
    env: {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: String(port),
      PUBLIC_URL: settings.publicUrl,
      ROLE: settings.role ?? 'all',
      DATABASE_URL: settings.databaseUrl,
      REDIS_URL: settings.redisUrl ?? '',
      PLATFORM_API_KEY: settings.platformKey,
      ENCRYPTION_KEYS: settings.encryptionKeys,
      TWILIO_API_URL: settings.twilioApiUrl,
      TELESIGN_API_URL: settings.telesignApiUrl,
      SIMULATOR: 'off',
      RATE_LIMIT: 'off',
      LOG_LEVEL: 'warn',
    },
  })
}
