import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, everyRole, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import { addChannelBody, changeChannelBody, channelParams, workstreamChannelSchema } from './schemas.js'
import type { WorkstreamService } from './service.js'

const tags = ['workstreams']

export const workstreamChannelRoutes: FastifyPluginAsyncZod<{ workstreams: WorkstreamService }> = async (
  app,
  { workstreams },
) => {
  app.route({
    method: 'POST',
    url: '/workstreams/:id/channels',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'addWorkstreamChannel',
      summary: 'Puts a number to work',
      params: idParams,
      body: addChannelBody,
      response: { 201: workstreamChannelSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return workstreams.addChannel(orgCaller(request), request.params.id, request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/workstreams/:id/channels',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listWorkstreamChannels',
      summary: 'The numbers that were put into it; a built-in workstream also serves those that are in none',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageOf(workstreamChannelSchema), ...problems('not_found', 'validation_failed') },
    },
    handler: (request) => workstreams.channels(orgCaller(request), request.params.id, request.query),
  })
  app.route({
    method: 'PATCH',
    url: '/workstreams/:id/channels/:channelId',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'changeWorkstreamChannel',
      params: channelParams,
      body: changeChannelBody,
      response: { 200: workstreamChannelSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => workstreams.updateChannel(orgCaller(request), request.params, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/workstreams/:id/channels/:channelId',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'removeWorkstreamChannel',
      summary: 'The number goes back to the built-in workstream of its channel',
      params: channelParams,
      response: { 204: z.null(), ...problems('not_found') },
    },
    handler: async (request, reply) => {
      await workstreams.removeChannel(orgCaller(request), request.params)
      return reply.code(204).send(null)
    },
  })
}
