import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { admins, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams } from '../http/schemas.js'
import { routingRulesBody, routingRulesSchema } from './schemas.js'
import type { WorkstreamService } from './service.js'

const tags = ['routing rules']

export const routingRuleRoutes: FastifyPluginAsyncZod<{ workstreams: WorkstreamService }> = async (
  app,
  { workstreams },
) => {
  app.route({
    method: 'GET',
    url: '/workstreams/:id/routing-rules',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getRoutingRules',
      params: idParams,
      response: { 200: routingRulesSchema, ...problems('not_found') },
    },
    handler: (request) => workstreams.rules(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/workstreams/:id/routing-rules',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'replaceRoutingRules',
      summary: 'The whole ordered list: the first rule that matches wins, otherwise the fallback queue',
      params: idParams,
      body: routingRulesBody,
      response: { 200: routingRulesSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => workstreams.replaceRules(orgCaller(request), request.params.id, request.body.rules),
  })
}
