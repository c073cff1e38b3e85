import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import request, { type Response } from 'supertest'
import { inject } from 'vitest'
import { createApi } from '../../src/api.js'
import { type Container, createContainer, type ServiceSettings } from '../../src/container.js'
import type { Server } from '../../src/http/server.js'
import { type Simulator, startSimulator } from '../../src/simulator/server.js'
import { type ApiRoute, watchApi } from './api-watch.js'
import { createTestDatabase } from './database.js'

export interface TestService {
  url: string
  platformKey: string
  databaseUrl: string
  simulator: Simulator
  parts: Container
  api: Server
  /** Every route of the API, as it was registered */
  routes: ApiRoute[]
  /** Calls as whoever has this key or token. */
  as(key: string | null): Caller
  /** Stops the service and removes its database. Throws if anything was answered that the reference does not declare. */
  close(): Promise<void>
}

/** What a test that acts like people and providers needs of a service, wherever that runs. */
export type ServiceDoor = Pick<TestService, 'as' | 'platformKey' | 'simulator'>

export interface Caller {
  get(path: string): Promise<Response>
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
  put(path: string, body?: unknown): Promise<Response>
  patch(path: string, body: unknown): Promise<Response>
  delete(path: string): Promise<Response>
}

export type ServiceOptions = Partial<
  Pick<
    ServiceSettings,
    | 'role'
    | 'clock'
    | 'rateLimit'
    | 'trustProxy'
    | 'mostAtOnce'
    | 'redisUrl'
    | 'databaseUrl'
    | 'logLevel'
    | 'logTo'
    | 'encryptionKeys'
  >
> & {
  /** Prefix of PUBLIC_URL */
  publicPath?: string
  /** Another process of this service: on its database, its job store and its provider */
  besides?: TestService
  /** No part is set to work: what a test wants done, it does itself */
  idle?: boolean
}

/** A whole service on a database of its own, listening, with a simulator as its provider. */
export async function startService(options: ServiceOptions = {}): Promise<TestService> {
  const { publicPath = '', idle = false, besides, ...own } = options
  const settings = { ...(besides && sharedBy(besides)), ...own }
  const database = settings.databaseUrl ? null : await createTestDatabase()
  const databaseUrl = settings.databaseUrl ?? database?.url ?? ''
  const simulator =
    besides?.simulator ?? (await startSimulator({ host: '127.0.0.1', port: 0, production: false }))
  const port = await freePort()
  const platformKey = `platform_${randomBytes(24).toString('base64url')}`
  const parts = await createContainer({
    role: 'all',
    redisUrl: null,
    rateLimit: false,
    trustProxy: null,
    logLevel: 'fatal',
    encryptionKeys: [{ id: 'k1', key: randomBytes(32) }],
    ...settings,
    databaseUrl,
    platformApiKey: platformKey,
    publicUrl: `http://127.0.0.1:${port}${publicPath}`,
    twilioApiUrl: simulator.twilioApiUrl,
    telesignApiUrl: simulator.telesignApiUrl,
  })
  const { api, watch } = await watchApi(() => createApi(parts))
  await api.listen({ host: '127.0.0.1', port })
  if (!idle) await parts.start()
  return {
    url: `http://127.0.0.1:${port}`,
    platformKey,
    databaseUrl,
    simulator,
    parts,
    api,
    routes: watch.routes,
    as: (key) => callerOf(api.server, key),
    async close() {
      await api.close()
      await parts.stop()
      if (!besides) await simulator.stop()
      await database?.drop()
      if (watch.surprises.length > 0) throw new Error(`Not in the reference: ${watch.surprises.join('; ')}`)
    },
  }
}

function sharedBy({ parts: { settings, clock } }: TestService) {
  const { databaseUrl, redisUrl, encryptionKeys } = settings
  return { databaseUrl, redisUrl, encryptionKeys, clock }
}

/** A Redis of one's own within the test run's server; null where none is at hand. */
export function redisDatabase(number: number): string | null {
  const url = inject('redisUrl')
  return url ? `${url}/${number}` : null
}

/** @param server one of this process, or the URL of another */
export function callerOf(server: Server['server'] | string, key: string | null): Caller {
  const send = (method: 'get' | 'post' | 'put' | 'patch' | 'delete', path: string) => {
    const call = request(server)[method](path)
    return key === null ? call : call.set('authorization', `Bearer ${key}`)
  }
  return {
    get: async (path) => send('get', path),
    post: async (path, body, headers = {}) =>
      send('post', path)
        .set(headers)
        .send(body as object),
    put: async (path, body) => send('put', path).send(body as object),
    patch: async (path, body) => send('patch', path).send(body as object),
    delete: async (path) => send('delete', path),
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** Looks again until the condition holds, and answers what it found. Fails with the last look after `patience`. */
export async function eventually<Found>(
  look: () => Promise<Found>,
  holds: (found: Found) => boolean,
  patience = 30_000,
): Promise<Found> {
  const deadline = Date.now() + patience
  for (;;) {
    const found = await look()
    if (holds(found)) return found
    if (Date.now() > deadline)
      throw new Error(`It never came about. Last seen: ${JSON.stringify(found)?.slice(0, 2000)}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
