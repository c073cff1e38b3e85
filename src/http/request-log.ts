import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../lib/logger.js'

const quiet = new Set(['/healthz', '/readyz', '/metrics'])

/**
 * One line per request: the route's pattern, never the address itself, which may carry a token or a phone number. A line
 * names its request itself: a log of its own for each request would cost as much as finding its route.
 */
export function registerRequestLog(app: FastifyInstance, log: Logger): void {
  app.setChildLoggerFactory((parent) => parent)
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    const level = quiet.has(route) || route.startsWith('/callbacks/') ? 'debug' : 'info'
    if (log.isLevelEnabled(level)) log[level](lineOf(request, reply, route), 'request')
    done()
  })
}

const lineOf = (request: FastifyRequest, reply: FastifyReply, route: string) => ({
  reqId: request.id,
  method: request.method,
  route,
  status: reply.statusCode,
  milliseconds: Math.round(reply.elapsedTime),
  orgId: request.caller?.kind === 'organization' ? request.caller.orgId : undefined,
})
