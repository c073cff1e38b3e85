import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, everyRole, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, noBody, pageOf, pageQuery } from '../http/schemas.js'
import type { QueueService } from './queue-service.js'
import { changeQueueBody, memberParams, memberSchema, queueBody, queueSchema } from './schemas.js'

const tags = ['queues']

export const queueRoutes: FastifyPluginAsyncZod<{ queues: QueueService }> = async (app, { queues }) => {
  app.route({
    method: 'POST',
    url: '/queues',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createQueue',
      body: queueBody,
      response: { 201: queueSchema, ...problems(...bodyProblems, 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return queues.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/queues',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listQueues',
      querystring: pageQuery,
      response: { 200: pageOf(queueSchema), ...problems('validation_failed') },
    },
    handler: (request) => queues.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/queues/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getQueue',
      params: idParams,
      response: { 200: queueSchema, ...problems('not_found') },
    },
    handler: (request) => queues.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/queues/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'changeQueue',
      params: idParams,
      body: changeQueueBody,
      response: { 200: queueSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => queues.update(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/queues/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deleteQueue',
      summary: 'Refused for the default queue and for one that is still used',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      await queues.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'GET',
    url: '/queues/:id/members',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listQueueMembers',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageOf(memberSchema), ...problems('not_found', 'validation_failed') },
    },
    handler: (request) => queues.members(orgCaller(request), request.params.id, request.query),
  })
  app.route({
    method: 'PUT',
    url: '/queues/:id/members/:agentId',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'addQueueMember',
      params: memberParams,
      body: noBody,
      response: { 204: z.null(), ...problems(...bodyProblems, 'not_found') },
    },
    handler: async (request, reply) => {
      await queues.addMember(orgCaller(request), request.params.id, request.params.agentId)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'DELETE',
    url: '/queues/:id/members/:agentId',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'removeQueueMember',
      params: memberParams,
      response: { 204: z.null(), ...problems('not_found') },
    },
    handler: async (request, reply) => {
      await queues.removeMember(orgCaller(request), request.params.id, request.params.agentId)
      return reply.code(204).send(null)
    },
  })
}
