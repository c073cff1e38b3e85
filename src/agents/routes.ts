import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { admins, everyRole, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import { meRoutes } from './me-routes.js'
import {
  agentSchema,
  agentTokenSchema,
  changeAgentBody,
  createAgentBody,
  presenceBody,
  tokenBody,
} from './schemas.js'
import type { AgentService } from './service.js'

const tags = ['agents']

export const agentRoutes: FastifyPluginAsyncZod<{ agents: AgentService }> = async (app, { agents }) => {
  app.route({
    method: 'POST',
    url: '/agents',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createAgent',
      summary: 'A new agent is offline and a member of no queue',
      body: createAgentBody,
      response: { 201: agentSchema, ...problems(...bodyProblems, 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return agents.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/agents',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listAgents',
      querystring: pageQuery,
      response: { 200: pageOf(agentSchema), ...problems('validation_failed') },
    },
    handler: (request) => agents.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/agents/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getAgent',
      params: idParams,
      response: { 200: agentSchema, ...problems('not_found') },
    },
    handler: (request) => agents.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/agents/:id',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'changeAgent',
      summary: 'Supervisors may change the capacity and the default presence only',
      params: idParams,
      body: changeAgentBody,
      response: { 200: agentSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => agents.update(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'POST',
    url: '/agents/:id/tokens',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createAgentToken',
      summary: "A short-lived token for the agent's user interface, shown this once",
      params: idParams,
      body: tokenBody,
      response: { 201: agentTokenSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return agents.createToken(orgCaller(request), request.params.id, request.body)
    },
  })
  app.route({
    method: 'PUT',
    url: '/agents/:id/presence',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'setAgentPresence',
      summary: 'Admins and supervisors for everybody, agents for themselves',
      params: idParams,
      body: presenceBody,
      response: { 200: agentSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => agents.setPresence(orgCaller(request), request.params.id, request.body),
  })
  await app.register(meRoutes, { agents })
}
