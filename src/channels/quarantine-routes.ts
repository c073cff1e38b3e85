import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { admins, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, noBody, pageOf } from '../http/schemas.js'
import type { QuarantineService } from './quarantine-service.js'
import {
  keptCallbackSchema,
  quarantineQuery,
  releaseAllBody,
  releasedAllSchema,
  releasedCallbackSchema,
} from './schemas.js'

const tags = ['quarantine']

export const quarantineRoutes: FastifyPluginAsyncZod<{ quarantine: QuarantineService }> = async (
  app,
  { quarantine },
) => {
  app.route({
    method: 'GET',
    url: '/quarantine',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'listQuarantine',
      summary: 'Callbacks that were kept: those with a bad signature, and those that could not be used',
      querystring: quarantineQuery,
      response: { 200: pageOf(keptCallbackSchema), ...problems('validation_failed') },
    },
    handler: (request) => quarantine.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'POST',
    url: '/quarantine/:id/release',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'releaseCallback',
      summary: 'Works a kept callback, after its reason was mended',
      params: idParams,
      body: noBody,
      response: { 200: releasedCallbackSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => quarantine.release(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'POST',
    url: '/quarantine/release',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'releaseCallbacks',
      summary: 'Works all callbacks that were set aside for one reason or in one account, 1000 at a time',
      body: releaseAllBody,
      response: { 200: releasedAllSchema, ...problems(...bodyProblems) },
    },
    handler: (request) => quarantine.releaseAll(orgCaller(request), request.body),
  })
}
