import { parse as parseQuery } from 'node:querystring'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import { type FastifyBaseLogger, type FastifyInstance, fastify } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { AppError } from '../lib/errors.js'
import { newId } from '../lib/ids.js'
import type { Logger } from '../lib/logger.js'
import { registerJsonBody, storable } from './json-body.js'
import { registerProblems, sendProblem } from './problem.js'
import { registerRequestLog } from './request-log.js'

export type Server = FastifyInstance

const bodyLimit = 1024 * 1024
// A caller that sends its request slower than this is cut off
const requestTimeout = 30_000

/** Fastify with what every route needs: zod, problem answers, safe bodies, one log line per request. */
export async function createServer(log: Logger): Promise<Server> {
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    disableRequestLogging: true,
    genReqId: newId,
    bodyLimit,
    requestTimeout,
    exposeHeadRoutes: false,
    routerOptions: {
      querystringParser: (query) => parseQuery(storable(decodedNul(query))),
      maxParamLength: 500,
    },
    frameworkErrors: (_error, request, reply) => {
      sendProblem(request, reply, new AppError('not_found', 'The address cannot be read.'))
    },
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  registerJsonBody(app)
  registerProblems(app)
  registerRequestLog(app)
  app.setNotFoundHandler(() => {
    throw new AppError('not_found', 'There is no such address. GET /openapi.json lists all of them.')
  })
  await app.register(helmet, { contentSecurityPolicy: false, global: true })
  return app
}

/** Limits each key to `perMinute` calls, and addresses that guess at keys to far fewer. */
export async function registerRateLimit(app: Server, perMinute: number): Promise<void> {
  await app.register(rateLimit, {
    max: perMinute,
    timeWindow: '1 minute',
    keyGenerator: (request) => request.headers.authorization ?? request.ip,
    errorResponseBuilder: (_request, { ttl }) =>
      new AppError('rate_limited', 'Too many requests with this key. Wait and try again.', {
        retryAfter: Math.ceil(ttl / 1000),
      }),
  })
}

const decodedNul = (query: string): string => query.replaceAll('%00', '')
