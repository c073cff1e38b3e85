import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf } from '../http/schemas.js'
import {
  automaticMessageSchema,
  automaticMessagesQuery,
  changeAutomaticMessageBody,
  createAutomaticMessageBody,
} from './schemas.js'
import type { AutomaticMessageService } from './service.js'

const tags = ['automatic messages']

export const automaticMessageRoutes: FastifyPluginAsyncZod<{
  automaticMessages: AutomaticMessageService
}> = async (app, { automaticMessages }) => {
  app.route({
    method: 'POST',
    url: '/automatic-messages',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createAutomaticMessage',
      summary: 'Inactive until it is said to be active',
      body: createAutomaticMessageBody,
      response: { 201: automaticMessageSchema, ...problems(...bodyProblems, 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return automaticMessages.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/automatic-messages',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'listAutomaticMessages',
      querystring: automaticMessagesQuery,
      response: { 200: pageOf(automaticMessageSchema), ...problems('validation_failed') },
    },
    handler: (request) => automaticMessages.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/automatic-messages/:id',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getAutomaticMessage',
      params: idParams,
      response: { 200: automaticMessageSchema, ...problems('not_found') },
    },
    handler: (request) => automaticMessages.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/automatic-messages/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'changeAutomaticMessage',
      summary: 'Activates, deactivates, gives other texts',
      params: idParams,
      body: changeAutomaticMessageBody,
      response: { 200: automaticMessageSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => automaticMessages.update(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/automatic-messages/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deleteAutomaticMessage',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found') },
    },
    handler: async (request, reply) => {
      await automaticMessages.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
}
