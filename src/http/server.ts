import { parse as parseQuery } from 'node:querystring'
import helmet from '@fastify/helmet'
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify'
import { validatorCompiler } from 'fastify-type-provider-zod'
import { AppError } from '../lib/errors.js'
import { newId } from '../lib/ids.js'
import type { Logger } from '../lib/logger.js'
import { storable } from '../lib/storable.js'
import { registerJsonBody } from './json-body.js'
import { problems, registerProblems, sendProblem } from './problem.js'
import { registerRequestLog } from './request-log.js'
import { serializerCompiler } from './serializer.js'

export type Server = FastifyInstance

const bodyLimit = 1024 * 1024
// A caller that sends its request slower than this is cut off
const requestTimeout = 30_000
const connectionsCheckingInterval = 5000
// A last bound on memory: whoever connects beyond it is turned away without an answer
const mostConnections = 5_000

/** For an address that cannot be read: no hook runs then, and so not helmet's, whose headers these are. */
const beforeHelmet = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/**
 * Fastify with what every route needs: zod, problem answers, safe bodies, one log line per request.
 * @param trustProxy addresses of the proxies whose X-Forwarded-For is believed, null for none
 */
export async function createServer(
  log: Logger,
  publicUrl: string,
  trustProxy: string | null,
): Promise<Server> {
  const prefix = new URL(publicUrl).pathname.replace(/\/+$/, '')
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: newId,
    bodyLimit,
    requestTimeout,
    http: { connectionsCheckingInterval },
    trustProxy: trustProxy ?? false,
    exposeHeadRoutes: false,
    // A proxy may hand on the path prefix of PUBLIC_URL or strip it
    rewriteUrl: ({ url = '/' }) => (prefix && url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : url),
    routerOptions: {
      querystringParser: (query) => parseQuery(storable(decodedNul(query))),
      maxParamLength: 500,
    },
    frameworkErrors: (_error, request, reply) => {
      reply.headers(beforeHelmet)
      sendProblem(request, reply, new AppError('not_found', 'The address cannot be read.'))
    },
  })
  app.server.maxConnections = mostConnections
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  registerJsonBody(app)
  registerProblems(app)
  registerRequestLog(app, log)
  // After every scope has asked who calls, and before a body is read that nobody wants
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    if (request.is404) unknownRoute()
    done()
  })
  // A DELETE needs no body, but one that comes is read
  app.addHook('onRoute', ({ method, schema }) => {
    if (method !== 'DELETE' || !schema) return
    const refused = problems('malformed_body', 'unsupported_media_type', 'body_too_large')
    schema.response = { ...(schema.response as object), ...refused }
  })
  return app
}

/** Headers for browsers, on every route of this scope. */
export async function sendBrowserHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    // Nothing here is a page but the reference, which has a policy of its own
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    frameguard: { action: 'deny' },
  })
}

/** Set in each scope of its own, so that the hooks of the scope (who calls?) come before it. */
export function unknownRoute(): never {
  throw new AppError('not_found', 'There is no such address. GET /openapi.json lists all of them.')
}

const decodedNul = (query: string): string => query.replaceAll('%00', '')
