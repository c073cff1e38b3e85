import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify'
import type { Caller, OrgCaller, Origin, PlatformCaller, Role } from '../lib/caller.js'
import { AppError } from '../lib/errors.js'
import { storable } from '../lib/storable.js'
import type { RateLimits } from './rate-limits.js'

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null
  }
  interface FastifyContextConfig {
    /** Who may call: nobody in particular, the operator, or these roles of the organization. Every route must say. */
    access?: 'public' | 'platform' | readonly Role[]
    /** The call is an agent's work: a key that names no agent may not make it, whatever its role */
    asAgent?: true
    /** For a POST that creates something: its status, and that it honours Idempotency-Key */
    creates?: 200 | 201 | 202
  }
}

export const everyRole = ['admin', 'supervisor', 'agent'] as const satisfies Role[]
export const leaders = ['admin', 'supervisor'] as const satisfies Role[]
export const admins = ['admin'] as const satisfies Role[]

/** Answers who a bearer token belongs to, null if to nobody; throws for a suspended organization. */
export type Authenticate = (token: string, origin: Origin) => Promise<Caller | null>

/**
 * Checks every request of this scope before its body is read: first who calls, then whether they call too often, then
 * whether their role may.
 * @param limits null: nobody calls too often
 */
export function registerAccess(
  app: FastifyInstance,
  authenticate: Authenticate,
  limits: RateLimits | null,
): void {
  app.decorateRequest('caller', null)
  app.addHook('onRoute', (route) => {
    if (!route.config?.access) throw new Error(`${route.method} ${route.url} does not say who may call it`)
  })
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.access === 'public') return
    request.caller = await identify(request, authenticate).catch(async (error) => {
      if (error instanceof AppError && error.code === 'unauthenticated') await limits?.countGuess(request)
      throw error
    })
    await limits?.admit(request, reply)
    if (!request.is404) assertMay(request.caller, request.routeOptions.config)
  })
}

async function identify(request: FastifyRequest, authenticate: Authenticate): Promise<Caller> {
  const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? []
  const caller = token ? await authenticate(token, originOf(request)) : null
  if (caller) return caller
  throw new AppError(
    'unauthenticated',
    token
      ? 'This key or token is unknown, expired or revoked.'
      : 'Send your API key or agent token in the header "Authorization: Bearer …".',
  )
}

const mostHeader = 200

function originOf({ id, ip, headers }: FastifyRequest): Origin {
  const cut = (header: string | string[] | undefined) =>
    header === undefined ? null : storable(String(header)).slice(0, mostHeader)
  return {
    requestId: id,
    address: ip,
    forwardedFor: cut(headers['x-forwarded-for']),
    userAgent: cut(headers['user-agent']),
  }
}

function assertMay(caller: Caller, { access, asAgent }: FastifyContextConfig): void {
  const may =
    caller.kind === 'platform' ? access === 'platform' : Array.isArray(access) && access.includes(caller.role)
  if (!may) throw new AppError('forbidden', 'Your key or role may not make this call.')
  if (asAgent && caller.kind === 'organization' && !caller.agentId) {
    throw new AppError(
      'forbidden',
      'Only an agent can do this. Use an agent token, or an API key that names an agent.',
    )
  }
}

export function orgCaller(request: FastifyRequest): OrgCaller {
  if (request.caller?.kind !== 'organization')
    throw new AppError('forbidden', 'This call needs an organization key.')
  return request.caller
}

export function platformCaller(request: FastifyRequest): PlatformCaller {
  if (request.caller?.kind !== 'platform')
    throw new AppError('forbidden', 'This call needs the platform key.')
  return request.caller
}
