import multipart from '@fastify/multipart'
import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { everyRole, orgCaller } from '../http/access.js'
import { problems } from '../http/problem.js'
import { idParams } from '../http/schemas.js'
import { invalidField } from '../lib/errors.js'
import { storable } from '../lib/storable.js'
import type { MediaService, StoredFile } from './media-service.js'
import { maxUploadBytes } from './media-types.js'
import { uploadSchema } from './schemas.js'

const tags = ['media']
const multipartOverhead = 64 * 1024

export const mediaRoutes: FastifyPluginAsyncZod<{ media: MediaService }> = async (app, { media }) => {
  await app.register(multipart, { limits: { fileSize: maxUploadBytes, files: 1, fields: 5, parts: 6 } })
  app.route({
    method: 'POST',
    url: '/media',
    bodyLimit: maxUploadBytes + multipartOverhead,
    config: { access: everyRole, creates: 201 },
    schema: {
      tags,
      operationId: 'uploadMedia',
      summary: 'One file as multipart/form-data, at most 16 MiB; name it in a message within 24 hours',
      response: {
        201: uploadSchema,
        ...problems('malformed_body', 'unsupported_media_type', 'body_too_large', 'validation_failed'),
      },
    },
    handler: async (request, reply) => {
      const file = await request.file()
      if (!file) throw invalidField('file', 'Send one file in a field of multipart/form-data.')
      const content = await file.toBuffer()
      const fileName = file.filename ? storable(file.filename).slice(0, 255) : null
      reply.code(201)
      return media.upload(orgCaller(request), { contentType: mediaType(file.mimetype), fileName, content })
    },
  })
  app.route({
    method: 'GET',
    url: '/media/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getMedia',
      params: idParams,
      response: { 200: z.any().meta({ description: 'The file' }), ...problems('not_found') },
    },
    handler: async (request, reply) =>
      sendFile(reply, await media.open(orgCaller(request), request.params.id)),
  })
}

const mediaType = (mimetype: string): string =>
  storable(mimetype.split(';')[0] ?? '')
    .trim()
    .toLowerCase()
    .slice(0, 100)

const shownInPlace = /^(image\/(jpeg|png|gif|webp)|audio\/|video\/|application\/pdf$)/

/** Sends a file so that a browser never runs what is in it. */
export function sendFile(reply: FastifyReply, { contentType, fileName, content }: StoredFile): FastifyReply {
  const disposition = shownInPlace.test(contentType) ? 'inline' : 'attachment'
  const name = fileName ? `; filename*=UTF-8''${encodeURIComponent(fileName)}` : ''
  return reply
    .header(
      'content-type',
      /^[\w.+-]+\/[\w.+-]+$/.test(contentType) ? contentType : 'application/octet-stream',
    )
    .header('content-disposition', disposition + name)
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', "default-src 'none'; sandbox")
    .header('cache-control', 'private, max-age=3600')
    .serializer((payload: unknown) => payload as string)
    .send(Buffer.from(content))
}
