import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { conversationSchema } from '../conversations/schemas.js'
import { leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, noBody } from '../http/schemas.js'
import { assignBody } from './schemas.js'
import type { SupervisionService } from './service.js'

const tags = ['supervision']
const asSupervisor = { access: leaders, asAgent: true } as const
const answers = { 200: conversationSchema, ...problems('not_found', 'invalid_transition', 'conflict') }

export const supervisionRoutes: FastifyPluginAsyncZod<{ supervision: SupervisionService }> = async (
  app,
  { supervision },
) => {
  app.route({
    method: 'POST',
    url: '/conversations/:id/assign',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'assignConversation',
      summary: 'An open one to an agent, to whom it is offered, or to another queue',
      params: idParams,
      body: assignBody,
      response: { ...answers, ...problems(...bodyProblems) },
    },
    handler: (request) => supervision.assign(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'POST',
    url: '/conversations/:id/monitor',
    config: asSupervisor,
    schema: {
      tags,
      operationId: 'monitorConversation',
      summary: 'Hears what is said in an accepted, waiting or wrapped-up one; nobody is told',
      params: idParams,
      body: noBody,
      response: { ...answers, ...problems(...bodyProblems) },
    },
    handler: (request) => supervision.monitor(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'DELETE',
    url: '/conversations/:id/monitor',
    config: asSupervisor,
    schema: {
      tags,
      operationId: 'stopMonitoringConversation',
      params: idParams,
      response: answers,
    },
    handler: (request) => supervision.stopMonitoring(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'POST',
    url: '/conversations/:id/join',
    config: asSupervisor,
    schema: {
      tags,
      operationId: 'joinConversation',
      summary: 'Whoever monitors it writes to the customer from now on; its agent is told',
      params: idParams,
      body: noBody,
      response: { ...answers, ...problems(...bodyProblems) },
    },
    handler: (request) => supervision.join(orgCaller(request), request.params.id),
  })
}
