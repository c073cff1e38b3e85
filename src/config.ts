import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { z } from 'zod'

export type Environment = Readonly<Record<string, string | undefined>>

export type EncryptionKey = { id: string; key: Buffer }

export type Config = Readonly<{
  mode: 'production' | 'development' | 'test'
  role: 'all' | 'api' | 'worker'
  http: Readonly<{
    host: string
    port: number
    publicUrl: string
    rateLimit: boolean
    trustProxy: string | null
  }>
  /** Null: the embedded one, in `dataDir`. */
  database: Readonly<{ url: string }> | null
  /** Null: BullMQ runs on PostgreSQL. */
  redis: Readonly<{ url: string }> | null
  /** Null: made once and kept in `dataDir` (embedded/keys). */
  secrets: Readonly<{ platformApiKey: string | null; encryptionKeys: readonly EncryptionKey[] | null }>
  /** Null: the provider's real address, or the simulator's in the demonstration. */
  providers: Readonly<{ twilioApiUrl: string | null; telesignApiUrl: string | null }>
  simulator: Readonly<{ enabled: boolean; port: number }>
  /** Absolute. */
  dataDir: string
  log: Readonly<{ level: (typeof logLevels)[number] }>
}>

/** A setting is wrong or missing. The message names every one of them and never repeats a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(readonly problems: readonly { variable: string; problem: string }[]) {
    const count = problems.length === 1 ? 'a setting is' : `${problems.length} settings are`
    const lines = problems.map(({ variable, problem }) => `  ${variable} ${problem}`)
    super(
      [
        `Parley cannot start: ${count} wrong.`,
        ...lines,
        'Settings come from the environment and the file .env; .env.example explains each.',
      ].join('\n'),
    )
  }
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
const keyBytes = 32

const port = z.string().transform((text, context) => {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  context.addIssue('must be a whole number from 0 to 65535')
  return z.NEVER
})

function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` })
}

function address(protocols: readonly string[], example: string) {
  return z.string().refine((text) => protocols.includes(parseUrl(text)?.protocol ?? ''), {
    error: `must be an address like ${example}`,
  })
}

/** URL.parse came after Node.js 20.19. */
function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null
}

function baseUrl(example: string) {
  return z.string().transform((text, context) => {
    const url = parseUrl(text)
    if (
      url &&
      /^https?:$/.test(url.protocol) &&
      url.search === '' &&
      url.hash === '' &&
      url.username === ''
    ) {
      return url.href.replace(/\/+$/, '')
    }
    context.addIssue(`must be an http or https address without a query, like ${example}`)
    return z.NEVER
  })
}

/** Addresses and ranges, as Fastify's `trustProxy` takes them. */
const proxies = z.string().refine((text) => text.split(',').every((entry) => isProxy(entry.trim())), {
  error: 'must be addresses or ranges of proxies with a comma between them, like 10.0.0.0/8,192.0.2.7',
})

function isProxy(entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/')
  const most = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0
  return (
    most > 0 &&
    rest.length === 0 &&
    (bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= most))
  )
}

/** `id:base64key,…`, newest first; each key has 32 bytes (AES-256). */
export const encryptionKeysSchema = z.string().transform((text, context): EncryptionKey[] => {
  const keys = text.split(',').map((entry) => {
    const [, id, base64] = /^\s*([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]+={0,2})\s*$/.exec(entry) ?? []
    return { id: id ?? '', key: Buffer.from(base64 ?? '', 'base64') }
  })
  if (keys.some(({ id, key }) => id === '' || key.length !== keyBytes)) {
    context.addIssue(
      'must be id:base64key, several with a comma between them, newest first; each key is 32 bytes in base64 ' +
        '("openssl rand -base64 32" makes one)',
    )
    return z.NEVER
  }
  if (new Set(keys.map(({ id }) => id)).size !== keys.length) {
    context.addIssue('must give every key an id of its own')
    return z.NEVER
  }
  return keys
})

const settings = z.object({
  NODE_ENV: oneOf(['production', 'development', 'test']).default('development'),
  ROLE: oneOf(['all', 'api', 'worker']).default('all'),
  HOST: z.string().default('127.0.0.1'),
  PORT: port.default(3000),
  PUBLIC_URL: baseUrl('https://parley.example.com').optional(),
  RATE_LIMIT: oneOf(['on', 'off']).default('on'),
  TRUST_PROXY: proxies.optional(),
  DATABASE_URL: address(
    ['postgres:', 'postgresql:'],
    'postgresql://user:password@host:5432/parley',
  ).optional(),
  REDIS_URL: address(['redis:', 'rediss:'], 'redis://host:6379').optional(),
  PLATFORM_API_KEY: z.string().min(32, { error: 'must have at least 32 characters' }).optional(),
  ENCRYPTION_KEYS: encryptionKeysSchema.optional(),
  TWILIO_API_URL: baseUrl('http://localhost:4010/twilio').optional(),
  TELESIGN_API_URL: baseUrl('http://localhost:4010/telesign').optional(),
  SIMULATOR: oneOf(['on', 'off']).optional(),
  SIMULATOR_PORT: port.default(4010),
  DATA_DIR: z.string().default('.data'),
  LOG_LEVEL: oneOf(logLevels).default('info'),
})

type Settings = z.infer<typeof settings>

/** Every variable that the service knows, for the documentation and its test. */
export const variableNames: readonly string[] = Object.keys(settings.shape)

/**
 * The variables of the process over those of the file `.env` in `directory`. An empty value counts as
 * unset, so an empty variable of the process leaves the file's in force.
 */
// biome-ignore lint/style/noProcessEnv: the one place that reads the environment; everything else gets a Config.
export function readEnvironment(directory = '.', processEnv: Environment = process.env): Environment {
  return { ...withoutEmpty(readEnvFile(directory)), ...withoutEmpty(processEnv) }
}

/** Throws a ConfigError that names every wrong or missing variable. */
export function loadConfig(env: Environment): Config {
  const given = withoutEmpty(env)
  const parsed = settings.safeParse(given)
  const problems = [
    ...(parsed.error?.issues ?? []).map(({ path, message }) => ({
      variable: String(path[0]),
      problem: message,
    })),
    ...missingTogether(given),
  ]
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  return toConfig(parsed.data)
}

/** Rules between variables, on the raw values: they are reported together with the wrong ones. */
function missingTogether(env: Environment): { variable: string; problem: string }[] {
  const problems = []
  if (env['DATABASE_URL'] !== undefined) {
    for (const variable of ['PLATFORM_API_KEY', 'ENCRYPTION_KEYS']) {
      if (env[variable] === undefined) {
        problems.push({ variable, problem: 'is required where DATABASE_URL is set' })
      }
    }
  }
  if (env['SIMULATOR'] === 'on' && env['NODE_ENV'] === 'production') {
    problems.push({ variable: 'SIMULATOR', problem: 'cannot be on where NODE_ENV is production' })
  }
  return problems
}

function toConfig(values: Settings): Config {
  const simulatorByDefault = values.DATABASE_URL === undefined && values.NODE_ENV !== 'production'
  return deepFreeze<Config>({
    mode: values.NODE_ENV,
    role: values.ROLE,
    http: {
      host: values.HOST,
      port: values.PORT,
      publicUrl: values.PUBLIC_URL ?? `http://localhost:${values.PORT}`,
      rateLimit: values.RATE_LIMIT === 'on',
      trustProxy: values.TRUST_PROXY ?? null,
    },
    database: values.DATABASE_URL === undefined ? null : { url: values.DATABASE_URL },
    redis: values.REDIS_URL === undefined ? null : { url: values.REDIS_URL },
    secrets: {
      platformApiKey: values.PLATFORM_API_KEY ?? null,
      encryptionKeys: values.ENCRYPTION_KEYS ?? null,
    },
    providers: {
      twilioApiUrl: values.TWILIO_API_URL ?? null,
      telesignApiUrl: values.TELESIGN_API_URL ?? null,
    },
    simulator: {
      enabled: values.SIMULATOR === undefined ? simulatorByDefault : values.SIMULATOR === 'on',
      port: values.SIMULATOR_PORT,
    },
    dataDir: resolve(values.DATA_DIR),
    log: { level: values.LOG_LEVEL },
  })
}

function readEnvFile(directory: string): Environment {
  try {
    return parseEnv(readFileSync(join(directory, '.env'), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

function withoutEmpty(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => (entry[1] ?? '').trim() !== ''),
  )
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
