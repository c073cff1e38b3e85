import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ConfigError, type Environment, loadConfig, readEnvironment, variableNames } from '../src/config.js'

const platformKey = 'p'.repeat(32)
const encryptionKey = (id: string) => `${id}:${Buffer.alloc(32, id).toString('base64')}`

const production: Environment = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgresql://parley:secret@db:5432/parley',
  PLATFORM_API_KEY: platformKey,
  ENCRYPTION_KEYS: `${encryptionKey('k2')},${encryptionKey('k1')}`,
}

function problemsOf(env: Environment): Record<string, string> {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) {
      return Object.fromEntries(error.problems.map(({ variable, problem }) => [variable, problem]))
    }
    throw error
  }
  return {}
}

async function folderWith(file: string, content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-config-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, file), content)
  return folder
}

describe('settings', () => {
  it('with nothing set describe the demonstration on this machine', () => {
    const config = loadConfig({})

    expect(config).toMatchObject({
      mode: 'development',
      role: 'all',
      http: {
        host: '127.0.0.1',
        port: 3000,
        publicUrl: 'http://localhost:3000',
        rateLimit: true,
        trustProxy: null,
      },
      database: null,
      redis: null,
      secrets: { platformApiKey: null, encryptionKeys: null },
      providers: { twilioApiUrl: null, telesignApiUrl: null },
      simulator: { enabled: true, port: 4010 },
      dataDir: join(process.cwd(), '.data'),
      log: { level: 'info' },
    })
  })

  it('for production leave the simulator out', () => {
    const config = loadConfig(production)

    expect(config.simulator.enabled).toBe(false)
    expect(config.database).toEqual({ url: 'postgresql://parley:secret@db:5432/parley' })
    expect(config.secrets.encryptionKeys?.map(({ id, key }) => [id, key.length])).toEqual([
      ['k2', 32],
      ['k1', 32],
    ])
  })

  it('of a database of our own leave the simulator out, unless it is asked for', () => {
    const own = { ...production, NODE_ENV: 'development' }

    expect(loadConfig(own).simulator.enabled).toBe(false)
    expect(loadConfig({ ...own, SIMULATOR: 'on' }).simulator.enabled).toBe(true)
  })

  it('cannot turn the simulator on in production', () => {
    expect(problemsOf({ ...production, SIMULATOR: 'on' })).toEqual({
      SIMULATOR: 'cannot be on where NODE_ENV is production',
    })
  })

  it('that are wrong or missing are all named in one message', () => {
    const problems = problemsOf({
      DATABASE_URL: 'mysql://db/parley',
      REDIS_URL: 'redis',
      PORT: '70000',
      ROLE: 'server',
      PUBLIC_URL: 'ftp://example.com',
      RATE_LIMIT: 'true',
      TRUST_PROXY: '1',
      LOG_LEVEL: 'loud',
      SIMULATOR: 'yes',
    })

    expect(Object.keys(problems).sort()).toEqual([
      'DATABASE_URL',
      'ENCRYPTION_KEYS',
      'LOG_LEVEL',
      'PLATFORM_API_KEY',
      'PORT',
      'PUBLIC_URL',
      'RATE_LIMIT',
      'REDIS_URL',
      'ROLE',
      'SIMULATOR',
      'TRUST_PROXY',
    ])
    expect(() => loadConfig({ PORT: 'http', ROLE: 'server' })).toThrow(
      /2 settings are wrong\.\n {2}ROLE must be one of all, api, worker\n {2}PORT must be a whole number/,
    )
  })

  it.each(['10.0.0.0/33', '10.0.0.0/0', 'proxy.internal', '10.0.0.1,', '::1/129'])(
    'take no proxy like %s',
    (proxies) => {
      expect(Object.keys(problemsOf({ TRUST_PROXY: proxies }))).toEqual(['TRUST_PROXY'])
    },
  )

  it('take proxies by address and range', () => {
    const { http } = loadConfig({ TRUST_PROXY: '10.0.0.0/8, 192.0.2.7,fd00::/8' })

    expect(http.trustProxy).toBe('10.0.0.0/8, 192.0.2.7,fd00::/8')
  })

  it('never show up with their value in the message', () => {
    const secret = 'postgres-password-1'

    expect(() => loadConfig({ DATABASE_URL: `mysql://me:${secret}@db`, PLATFORM_API_KEY: secret })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret) }),
    )
  })

  it('with an empty value count as unset', () => {
    const config = loadConfig({ DATABASE_URL: '', PORT: ' ', REDIS_URL: '' })

    expect(config.database).toBeNull()
    expect(config.http.port).toBe(3000)
  })

  it.each([
    ['http://localhost:4000', 'http://localhost:4000'],
    ['https://example.com/', 'https://example.com'],
    ['https://example.com/parley/', 'https://example.com/parley'],
  ])('take the public address %s without its last slash', (given, expected) => {
    expect(loadConfig({ PUBLIC_URL: given }).http.publicUrl).toBe(expected)
  })

  it.each([
    ['a key without an id', Buffer.alloc(32).toString('base64')],
    ['a key of 16 bytes', `k1:${Buffer.alloc(16).toString('base64')}`],
    ['two keys of one id', `${encryptionKey('k1')},${encryptionKey('k1')}`],
    ['a trailing comma', `${encryptionKey('k1')},`],
  ])('refuse encryption keys with %s', (_, keys) => {
    expect(Object.keys(problemsOf({ ENCRYPTION_KEYS: keys }))).toEqual(['ENCRYPTION_KEYS'])
  })

  it('cannot be changed once they are read', () => {
    const config = loadConfig({})

    expect(() => Object.assign(config.http, { port: 1 })).toThrow(TypeError)
  })

  it('of the environment win over those of the file, which fill what is empty', async () => {
    const folder = await folderWith('.env', 'PORT=4000\nHOST="0.0.0.0"\n# a comment\nROLE=worker\n')

    const env = readEnvironment(folder, { PORT: '5000', ROLE: '' })

    expect(env).toEqual({ PORT: '5000', HOST: '0.0.0.0', ROLE: 'worker' })
  })

  it('need no file', async () => {
    const folder = await folderWith('other', '')

    expect(readEnvironment(folder, { PORT: '5000' })).toEqual({ PORT: '5000' })
  })

  it('are all explained in .env.example, and nothing else is', async () => {
    const text = await readFile(join(import.meta.dirname, '..', '.env.example'), 'utf8')

    const named = [...text.matchAll(/^#? ?([A-Z_]+)=/gm)].map(([, name]) => name)

    expect(named.sort()).toEqual([...variableNames].sort())
  })

  it('in .env.example start as they are', async () => {
    const folder = join(import.meta.dirname, '..')
    const text = await readFile(join(folder, '.env.example'), 'utf8')
    const copied = await folderWith('.env', text)

    expect(loadConfig(readEnvironment(copied, {}))).toEqual(loadConfig({}))
  })
})
