import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, everyRole, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import { workstreamChannelRoutes } from './channel-routes.js'
import { changeWorkstreamBody, createWorkstreamBody, workstreamSchema } from './schemas.js'
import type { WorkstreamService } from './service.js'

const tags = ['workstreams']

export const workstreamRoutes: FastifyPluginAsyncZod<{ workstreams: WorkstreamService }> = async (
  app,
  { workstreams },
) => {
  app.route({
    method: 'POST',
    url: '/workstreams',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createWorkstream',
      body: createWorkstreamBody,
      response: { 201: workstreamSchema, ...problems(...bodyProblems, 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return workstreams.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/workstreams',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listWorkstreams',
      querystring: pageQuery,
      response: { 200: pageOf(workstreamSchema), ...problems('validation_failed') },
    },
    handler: (request) => workstreams.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/workstreams/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getWorkstream',
      params: idParams,
      response: { 200: workstreamSchema, ...problems('not_found') },
    },
    handler: (request) => workstreams.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/workstreams/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'changeWorkstream',
      summary: 'Everything but channel and distribution',
      params: idParams,
      body: changeWorkstreamBody,
      response: { 200: workstreamSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => workstreams.update(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/workstreams/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deleteWorkstream',
      summary: 'Refused for a built-in one, and for one with numbers or conversations',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      await workstreams.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  await app.register(workstreamChannelRoutes, { workstreams })
}
