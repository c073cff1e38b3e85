import type { FastifyInstance } from 'fastify'

const quiet = new Set(['/healthz', '/readyz', '/metrics'])

/** One line per request: the route's pattern, never the address itself, which may carry a token or a phone number. */
export function registerRequestLog(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown'
    const level = quiet.has(route) || route.startsWith('/callbacks/') ? 'debug' : 'info'
    request.log[level](
      {
        method: request.method,
        route,
        status: reply.statusCode,
        milliseconds: Math.round(reply.elapsedTime),
        orgId: request.caller?.kind === 'organization' ? request.caller.orgId : undefined,
      },
      'request',
    )
  })
}
