import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { admins, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams } from '../http/schemas.js'
import {
  classificationRulesBody,
  classificationRulesSchema,
  routingRulesBody,
  routingRulesSchema,
} from './rule-schemas.js'
import type { RuleService } from './rule-service.js'

const tags = ['routing rules']

export const routingRuleRoutes: FastifyPluginAsyncZod<{ rules: RuleService }> = async (app, { rules }) => {
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
    handler: (request) => rules.rules(orgCaller(request), request.params.id),
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
    handler: (request) => rules.replaceRules(orgCaller(request), request.params.id, request.body.rules),
  })
  app.route({
    method: 'GET',
    url: '/workstreams/:id/classification-rules',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getClassificationRules',
      params: idParams,
      response: { 200: classificationRulesSchema, ...problems('not_found') },
    },
    handler: (request) => rules.classification(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/workstreams/:id/classification-rules',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'replaceClassificationRules',
      summary:
        'All rulesets, in order: of each the first rule that matches sets values, which later ones can read',
      params: idParams,
      body: classificationRulesBody,
      response: { 200: classificationRulesSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) =>
      rules.replaceClassification(orgCaller(request), request.params.id, request.body.rulesets),
  })
}
