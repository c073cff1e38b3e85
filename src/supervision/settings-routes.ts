import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { admins, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { supervisionSettingsBody, supervisionSettingsSchema } from './schemas.js'
import type { SupervisionSettingsService } from './settings-service.js'

const tags = ['supervision']

export const supervisionSettingsRoutes: FastifyPluginAsyncZod<{
  settings: SupervisionSettingsService
}> = async (app, { settings }) => {
  app.route({
    method: 'GET',
    url: '/supervision-settings',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getSupervisionSettings',
      response: { 200: supervisionSettingsSchema, ...problems() },
    },
    handler: (request) => settings.get(orgCaller(request)),
  })
  app.route({
    method: 'PUT',
    url: '/supervision-settings',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'replaceSupervisionSettings',
      summary: 'What the organization lets its people do with conversations; holds from the next call on',
      body: supervisionSettingsBody,
      response: { 200: supervisionSettingsSchema, ...problems(...bodyProblems) },
    },
    handler: (request) => settings.replace(orgCaller(request), request.body),
  })
}
