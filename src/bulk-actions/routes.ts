import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import { bulkActionBody, bulkActionItemSchema, bulkActionSchema } from './schemas.js'
import type { BulkActionService } from './service.js'

const tags = ['supervision']

export const bulkActionRoutes: FastifyPluginAsyncZod<{ bulkActions: BulkActionService }> = async (
  app,
  { bulkActions },
) => {
  app.route({
    method: 'POST',
    url: '/bulk-actions',
    config: { access: leaders, creates: 202 },
    schema: {
      tags,
      operationId: 'createBulkAction',
      summary:
        'Does the same with up to 1,000 conversations, one after the other; what one refuses stops no other',
      body: bulkActionBody,
      response: { 202: bulkActionSchema, ...problems(...bodyProblems) },
    },
    handler: async (request, reply) => {
      reply.code(202)
      return bulkActions.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/bulk-actions',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'listBulkActions',
      summary: 'All of them for admins, their own for supervisors',
      querystring: pageQuery,
      response: { 200: pageOf(bulkActionSchema), ...problems('validation_failed') },
    },
    handler: (request) => bulkActions.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/bulk-actions/:id',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getBulkAction',
      params: idParams,
      response: { 200: bulkActionSchema, ...problems('not_found') },
    },
    handler: (request) => bulkActions.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'GET',
    url: '/bulk-actions/:id/items',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'listBulkActionItems',
      summary: 'What became of each conversation, in the order in which they were named',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageOf(bulkActionItemSchema), ...problems('not_found', 'validation_failed') },
    },
    handler: (request) => bulkActions.items(orgCaller(request), request.params.id, request.query),
  })
}
