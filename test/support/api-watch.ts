import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '../../src/http/server.js'

/** A route as it was registered. */
export interface ApiRoute {
  method: string
  /** With its prefix: `/v1/queues/:id` */
  url: string
  /** `POST /v1/queues/:id` */
  name: string
  config: { access?: 'public' | 'platform' | readonly string[]; creates?: number }
  schema: {
    hide?: boolean
    body?: unknown
    querystring?: unknown
    response?: Record<string, unknown>
  } | null
}

export interface ApiWatch {
  routes: ApiRoute[]
  /** Answers that the contract does not know: a status that its route does not declare, a refusal that is no problem */
  surprises: string[]
}

const problemMembers = ['code', 'detail', 'requestId', 'status', 'title', 'type']

/**
 * Builds the API with an eye on it: every route that is registered, now or by a later change, and every answer that any
 * test gets. Fastify announces each new instance, so nothing in the service has to know that it is watched.
 */
export async function watchApi(build: () => Promise<Server>): Promise<{ api: Server; watch: ApiWatch }> {
  const watch: ApiWatch = { routes: [], surprises: [] }
  const onInstance = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config = {}, schema = null }) => {
      for (const each of [method].flat()) {
        watch.routes.push({ method: each, url, name: `${each} ${url}`, config, schema } as ApiRoute)
      }
    })
    fastify.addHook('onSend', async (request, reply, payload) => {
      const surprise = surpriseIn(request, reply, payload)
      if (surprise)
        watch.surprises.push(`${request.method} ${request.routeOptions.url ?? 'unknown'}: ${surprise}`)
    })
  }
  subscribe('fastify.initialization', onInstance)
  const building = build()
  unsubscribe('fastify.initialization', onInstance)
  return { api: await building, watch }
}

function surpriseIn(request: FastifyRequest, reply: FastifyReply, payload: unknown): string | null {
  const { statusCode } = reply
  const declared = (request.routeOptions.schema as ApiRoute['schema'])?.response
  if (declared && !(statusCode in declared)) return `${statusCode} is not declared`
  if (statusCode < 400 || request.method === 'HEAD') return null
  if (!String(reply.getHeader('content-type')).startsWith('application/problem+json'))
    return `${statusCode} is no problem document`
  const problem = JSON.parse(String(payload))
  const missing = problemMembers.filter((member) => !(member in problem))
  return missing.length > 0 ? `${statusCode} lacks ${missing.join(', ')}` : null
}
