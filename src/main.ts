import { createApi } from './api.js'
import { type Config, ConfigError, loadConfig, readEnvironment } from './config.js'
import { createContainer, type ServiceSettings } from './container.js'
import { migrate } from './db/migrate.js'
import { prepareDemonstration } from './demonstration.js'
import { acquireInstanceLock, InstanceLockError } from './embedded/instance-lock.js'
import { ensureKeys } from './embedded/keys.js'
import { findRunningPostgres, startEmbeddedPostgres } from './embedded/postgres-server.js'
import { createLogger, withoutValues } from './lib/logger.js'
import { rotateStoredSecrets } from './rotate-stored-secrets.js'
import { startSimulator } from './simulator/server.js'

const help = `Parley: SMS and WhatsApp conversations for many organizations.

  node dist/main.js            migrate, then serve (npm start installs and builds first)
  node dist/main.js migrate    bring the database to this version's schema and end
  node dist/main.js rotate-keys
                               seal every stored secret with the first key of ENCRYPTION_KEYS, while the service runs
  node dist/main.js --help     this text

Settings come from the environment and the file .env; .env.example explains each.
`

type Stop = () => Promise<void>

/** What was started, to be stopped in reverse. */
const started: Stop[] = []

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

async function run(command: string | undefined): Promise<void> {
  if (command === '--help' || command === 'help') return say(help)
  if (command !== undefined && !isCommand(command))
    throw new UsageError(`There is no command "${command}".\n\n${help}`)
  const config = loadConfig(readEnvironment())
  const database = await openDatabase(config, command)
  await migrate(database.databaseUrl, { log: createLogger(config.log.level) })
  if (command === undefined) return serve(config, database)
  if (command === 'migrate') say('The database has this version’s schema.')
  else if (!(await rotateStoredSecrets({ ...database, say }))) process.exitCode = 1
  await stopAll()
}

const commands = ['migrate', 'rotate-keys'] as const
type Command = (typeof commands)[number]

const isCommand = (command: string): command is Command => commands.some((known) => known === command)

interface OpenDatabase {
  databaseUrl: string
  platformApiKey: string
  encryptionKeys: ServiceSettings['encryptionKeys']
  keyFile: string | null
}

/** The database of DATABASE_URL, or the embedded one with keys of its own; for `rotate-keys` also that of a service that runs. */
async function openDatabase(
  { database, secrets, dataDir }: Config,
  command: Command | undefined,
): Promise<OpenDatabase> {
  if (database) {
    const { platformApiKey, encryptionKeys } = secrets
    return {
      databaseUrl: database.url,
      platformApiKey: platformApiKey ?? '',
      encryptionKeys: encryptionKeys ?? [],
      keyFile: null,
    }
  }
  const runningUrl = command === 'rotate-keys' ? await findRunningPostgres(dataDir) : null
  const databaseUrl = runningUrl ?? (await startOwnPostgres(dataDir))
  const keys = await ensureKeys(dataDir)
  return {
    databaseUrl,
    platformApiKey: secrets.platformApiKey ?? keys.platformApiKey,
    encryptionKeys: secrets.encryptionKeys ?? keys.encryptionKeys,
    keyFile: keys.file,
  }
}

async function startOwnPostgres(dataDir: string): Promise<string> {
  const lock = await acquireInstanceLock(dataDir)
  started.push(() => lock.release())
  const postgres = await startEmbeddedPostgres({ dataDir, log: { info: say } })
  started.push(() => postgres.stop())
  return postgres.url
}

async function serve(config: Config, database: OpenDatabase): Promise<void> {
  const { http, redis, providers, role } = config
  const simulator = config.simulator.enabled
    ? await startSimulator({
        host: '127.0.0.1',
        port: config.simulator.port,
        production: config.mode === 'production',
      })
    : null
  if (simulator) started.push(() => simulator.stop())
  const container = await createContainer({
    role,
    databaseUrl: database.databaseUrl,
    redisUrl: redis?.url ?? null,
    publicUrl: http.publicUrl,
    platformApiKey: database.platformApiKey,
    encryptionKeys: database.encryptionKeys,
    twilioApiUrl: providers.twilioApiUrl ?? simulator?.twilioApiUrl ?? null,
    telesignApiUrl: providers.telesignApiUrl ?? simulator?.telesignApiUrl ?? null,
    rateLimit: http.rateLimit,
    trustProxy: http.trustProxy,
    logLevel: config.log.level,
  })
  started.push(() => container.stop())
  const demonstration =
    simulator && (await prepareDemonstration({ container, simulator, dataDir: config.dataDir }))
  const api = await createApi(container)
  // A worker answers /healthz, /readyz and /metrics too
  await api.listen({ host: http.host, port: http.port })
  started.push(() => api.close())
  await container.start()
  say(`Parley (${role}) serves at ${http.publicUrl}  ·  reference: ${http.publicUrl}/docs`)
  if (database.keyFile) say(`Platform key: ${database.platformApiKey}  (kept in ${database.keyFile})`)
  if (demonstration) say(demonstration)
}

async function stopAll(): Promise<void> {
  for (const stop of started.splice(0).reverse()) await stop()
}

class UsageError extends Error {}

/** A message for people where we know what to say, the stack where we do not. */
function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof InstanceLockError || error instanceof UsageError)
    return error.message
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    const { port } = error as Error & { port?: number }
    return `Port ${port} is in use by another program. Stop it, or choose another with PORT or SIMULATOR_PORT.`
  }
  return withoutValues(error instanceof Error ? (error.stack ?? error.message) : String(error))
}

let isStopping = false

async function end(code: number): Promise<void> {
  if (isStopping) return
  isStopping = true
  const tooLong = setTimeout(() => process.exit(1), 60_000)
  await stopAll().catch((error) => {
    process.stderr.write(`${explain(error)}\n`)
    process.exitCode = 1
  })
  clearTimeout(tooLong)
  process.exit(process.exitCode ?? code)
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(0))

// Node.js by itself prints all that hangs on an error: rows, requests with their headers
process.on('uncaughtException', (error) => {
  process.stderr.write(`${explain(error)}\n`)
  process.exit(1)
})

run(process.argv[2]).catch((error) => {
  process.stderr.write(`${explain(error)}\n`)
  void end(1)
})
