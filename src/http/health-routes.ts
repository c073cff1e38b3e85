import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { AppError } from '../lib/errors.js'
import { problems } from './problem.js'

export interface Health {
  /** Throws if a part that serving needs is away, with a message that names it */
  assertReady(): Promise<void>
  /** Throws if a part is away without which calls are still taken, and worked later */
  assertWhole(): Promise<void>
  /** Prometheus text */
  metrics(): Promise<string>
}

const ok = z.object({ status: z.literal('ok') })
const ready = z.object({ status: z.enum(['ok', 'degraded']), detail: z.string().optional() })
const degraded =
  'Callbacks and calls are taken and kept; what they lead to waits until the job store (Redis) is back.'

export const healthRoutes: FastifyPluginAsyncZod<{ health: Health }> = async (app, { health }) => {
  app.route({
    method: 'GET',
    url: '/healthz',
    config: { access: 'public' },
    schema: { tags: ['operation'], operationId: 'healthz', response: { 200: ok, ...problems() } },
    handler: async () => ({ status: 'ok' as const }),
  })
  app.route({
    method: 'GET',
    url: '/readyz',
    config: { access: 'public' },
    schema: { tags: ['operation'], operationId: 'readyz', response: { 200: ready, ...problems() } },
    handler: async () => {
      await health.assertReady().catch((error: Error) => {
        throw new AppError('unavailable', `Not ready: ${error.message}`)
      })
      return health.assertWhole().then(
        () => ({ status: 'ok' as const }),
        () => ({ status: 'degraded' as const, detail: degraded }),
      )
    },
  })
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { access: 'public' },
    schema: { tags: ['operation'], operationId: 'metrics', response: { 200: z.string(), ...problems() } },
    handler: async (_request, reply) => {
      reply.type('text/plain; version=0.0.4; charset=utf-8')
      return health.metrics()
    },
  })
}
