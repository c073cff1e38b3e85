import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { admins, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams } from '../http/schemas.js'
import { closingTimesBody, closingTimesSchema, timeoutRulesBody, timeoutRulesSchema } from './schemas.js'
import type { TimeoutService } from './service.js'

const tags = ['timeouts']

export const timeoutRoutes: FastifyPluginAsyncZod<{ timeouts: TimeoutService }> = async (
  app,
  { timeouts },
) => {
  app.route({
    method: 'GET',
    url: '/closing-times',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getClosingTimes',
      summary:
        'After how long a conversation closes by itself; waiting ones: autoCloseAfterMinutes of the workstream',
      response: { 200: closingTimesSchema, ...problems() },
    },
    handler: (request) => timeouts.closingTimes(orgCaller(request)),
  })
  app.route({
    method: 'PUT',
    url: '/closing-times',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'setClosingTimes',
      summary: 'Holds from the next change of a conversation’s status',
      body: closingTimesBody,
      response: { 200: closingTimesSchema, ...problems(...bodyProblems) },
    },
    handler: (request) => timeouts.setClosingTimes(orgCaller(request), request.body),
  })
  app.route({
    method: 'GET',
    url: '/workstreams/:id/timeout-rules',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getTimeoutRules',
      params: idParams,
      response: { 200: timeoutRulesSchema, ...problems('not_found') },
    },
    handler: (request) => timeouts.rules(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/workstreams/:id/timeout-rules',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'replaceTimeoutRules',
      summary: 'The whole list. Each rule is done once in a silence; it holds from the next message on',
      params: idParams,
      body: timeoutRulesBody,
      response: { 200: timeoutRulesSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => timeouts.replaceRules(orgCaller(request), request.params.id, request.body),
  })
}
