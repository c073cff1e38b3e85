import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Gate } from '../http/gate.js'
import { problems } from '../http/problem.js'
import { id } from '../http/schemas.js'
import { sendFile } from './media-routes.js'
import type { MediaService } from './media-service.js'

/** Where a provider fetches the files that agents send: signed, expiring, no key. */
export const mediaLinkRoutes: FastifyPluginAsyncZod<{ media: MediaService; gate: Gate }> = async (
  app,
  { media, gate },
) => {
  gate.guard(app)
  app.route({
    method: 'GET',
    url: '/media/:orgId/:mediaId',
    config: { access: 'public' },
    schema: {
      tags: ['providers'],
      operationId: 'getLinkedMedia',
      params: z.object({ orgId: id, mediaId: id }),
      querystring: z.object({ expires: z.coerce.number().int(), signature: z.string().max(100) }),
      response: {
        200: z.any().meta({ description: 'The file' }),
        ...problems('not_found', 'validation_failed'),
      },
    },
    handler: async (request, reply) =>
      sendFile(reply, await media.openLink({ ...request.params, ...request.query })),
  })
}
