import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { everyRole, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { agentSchema, meSchema, presenceBody } from './schemas.js'
import type { AgentService } from './service.js'

const tags = ['agents']

export const meRoutes: FastifyPluginAsyncZod<{ agents: AgentService }> = async (app, { agents }) => {
  app.route({
    method: 'GET',
    url: '/me',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getMe',
      summary: 'The agent of this key or token; organization and role where it names none',
      response: { 200: meSchema, ...problems() },
    },
    handler: (request) => agents.me(orgCaller(request)),
  })
  app.route({
    method: 'PUT',
    url: '/me/presence',
    config: { access: everyRole, asAgent: true },
    schema: {
      tags,
      operationId: 'setMyPresence',
      body: presenceBody,
      response: { 200: agentSchema, ...problems(...bodyProblems) },
    },
    handler: (request) => agents.setMyPresence(orgCaller(request), request.body),
  })
}
