import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams } from '../http/schemas.js'
import { routingRecordSchema, tryBody } from './schemas.js'
import type { WhyService } from './why-service.js'

const tags = ['routing']

export const whyRoutes: FastifyPluginAsyncZod<{ why: WhyService }> = async (app, { why }) => {
  app.route({
    method: 'GET',
    url: '/conversations/:id/routing',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'explainRouting',
      summary: 'Why did it go there? Which rules led it, and what ruled each agent out',
      params: idParams,
      response: { 200: routingRecordSchema, ...problems('not_found') },
    },
    handler: (request) => why.explain(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'POST',
    url: '/workstreams/:id/try',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'tryRouting',
      summary: 'Where would a text of this customer go, and to whom? Creates nothing',
      params: idParams,
      body: tryBody,
      response: { 200: routingRecordSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => why.tryOut(orgCaller(request), request.params.id, request.body),
  })
}
