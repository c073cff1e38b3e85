import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { leaders, orgCaller } from '../http/access.js'
import { problems } from '../http/problem.js'
import type { LiveBoard } from './live.js'
import { liveSchema } from './schemas.js'

export const liveRoutes: FastifyPluginAsyncZod<{ live: LiveBoard }> = async (app, { live }) => {
  app.route({
    method: 'GET',
    url: '/live',
    config: { access: leaders },
    schema: {
      tags: ['conversations'],
      operationId: 'readLiveBoard',
      summary: 'How many conversations are in which state, and who is there: in all, and in each queue',
      response: { 200: liveSchema, ...problems() },
    },
    handler: (request) => live.read(orgCaller(request)),
  })
}
