import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { admins, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { routingSettingsBody, routingSettingsSchema } from './schemas.js'
import type { RoutingSettingsService } from './settings-service.js'

const tags = ['routing']

export const routingSettingsRoutes: FastifyPluginAsyncZod<{ settings: RoutingSettingsService }> = async (
  app,
  { settings },
) => {
  app.route({
    method: 'GET',
    url: '/routing-settings',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getRoutingSettings',
      response: { 200: routingSettingsSchema, ...problems() },
    },
    handler: (request) => settings.get(orgCaller(request)),
  })
  app.route({
    method: 'PUT',
    url: '/routing-settings',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'replaceRoutingSettings',
      summary: 'All of them; those that are absent take their defaults',
      body: routingSettingsBody,
      response: { 200: routingSettingsSchema, ...problems(...bodyProblems) },
    },
    handler: (request) => settings.replace(orgCaller(request), request.body),
  })
}
