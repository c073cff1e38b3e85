import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { platformCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import type { OrganizationService } from './organization-service.js'
import {
  changeOrganizationBody,
  createOrganizationBody,
  newOrganizationSchema,
  organizationSchema,
} from './schemas.js'

const tags = ['organizations']

export const organizationRoutes: FastifyPluginAsyncZod<{ organizations: OrganizationService }> = async (
  app,
  { organizations },
) => {
  app.route({
    method: 'POST',
    url: '/organizations',
    config: { access: 'platform', creates: 201 },
    schema: {
      tags,
      operationId: 'createOrganization',
      summary:
        'With a default queue, a built-in workstream per channel and a first admin key, shown this once',
      body: createOrganizationBody,
      response: { 201: newOrganizationSchema, ...problems(...bodyProblems) },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return organizations.create(platformCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/organizations',
    config: { access: 'platform' },
    schema: {
      tags,
      operationId: 'listOrganizations',
      querystring: pageQuery,
      response: { 200: pageOf(organizationSchema), ...problems('validation_failed') },
    },
    handler: (request) => organizations.list(platformCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/organizations/:id',
    config: { access: 'platform' },
    schema: {
      tags,
      operationId: 'getOrganization',
      params: idParams,
      response: { 200: organizationSchema, ...problems('not_found') },
    },
    handler: (request) => organizations.get(platformCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/organizations/:id',
    config: { access: 'platform' },
    schema: {
      tags,
      operationId: 'changeOrganization',
      summary: 'Renames, suspends, switches channels on and off, limits calls of the API',
      params: idParams,
      body: changeOrganizationBody,
      response: { 200: organizationSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => organizations.update(platformCaller(request), request.params.id, request.body),
  })
}
