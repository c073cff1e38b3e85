import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import type { ApiKeyService } from './api-key-service.js'
import { apiKeySchema, createApiKeyBody, newApiKeySchema } from './schemas.js'

const tags = ['keys']

export const apiKeyRoutes: FastifyPluginAsyncZod<{ apiKeys: ApiKeyService }> = async (app, { apiKeys }) => {
  app.route({
    method: 'POST',
    url: '/api-keys',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createApiKey',
      summary: 'The key is shown this once',
      body: createApiKeyBody,
      response: { 201: newApiKeySchema, ...problems(...bodyProblems) },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return apiKeys.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/api-keys',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'listApiKeys',
      summary: "API keys and agents' tokens, also expired and revoked ones",
      querystring: pageQuery,
      response: { 200: pageOf(apiKeySchema), ...problems('validation_failed') },
    },
    handler: (request) => apiKeys.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'DELETE',
    url: '/api-keys/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'revokeApiKey',
      summary: "Revokes an API key or an agent's token at once",
      params: idParams,
      response: { 204: z.null(), ...problems('not_found') },
    },
    handler: async (request, reply) => {
      await apiKeys.revoke(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
}
