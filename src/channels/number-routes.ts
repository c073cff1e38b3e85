import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, everyRole, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf } from '../http/schemas.js'
import type { ChannelNumberService } from './number-service.js'
import {
  changeNumberBody,
  channelNumberSchema,
  createNumberBody,
  numberQuery,
  writtenNumberSchema,
} from './schemas.js'

const tags = ['channel numbers']

export const channelNumberRoutes: FastifyPluginAsyncZod<{ numbers: ChannelNumberService }> = async (
  app,
  { numbers },
) => {
  app.route({
    method: 'POST',
    url: '/channel-numbers',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createChannelNumber',
      body: createNumberBody,
      response: { 201: writtenNumberSchema, ...problems(...bodyProblems, 'channel_disabled', 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return numbers.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/channel-numbers',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listChannelNumbers',
      querystring: numberQuery,
      response: { 200: pageOf(channelNumberSchema), ...problems('validation_failed') },
    },
    handler: (request) => numbers.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/channel-numbers/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getChannelNumber',
      params: idParams,
      response: { 200: channelNumberSchema, ...problems('not_found') },
    },
    handler: (request) => numbers.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/channel-numbers/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'updateChannelNumber',
      params: idParams,
      body: changeNumberBody,
      response: { 200: writtenNumberSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => numbers.update(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/channel-numbers/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deleteChannelNumber',
      summary: 'Sending stops at once; its conversations stay readable',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found') },
    },
    handler: async (request, reply) => {
      await numbers.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
}
