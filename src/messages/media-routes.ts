import multipart, { type MultipartFile } from '@fastify/multipart'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { everyRole, orgCaller } from '../http/access.js'
import { problems } from '../http/problem.js'
import { idParams } from '../http/schemas.js'
import { AppError, invalidField } from '../lib/errors.js'
import { storable } from '../lib/storable.js'
import { sha256 } from '../lib/tokens.js'
import type { MediaService, StoredFile } from './media-service.js'
import { maxUploadBytes } from './media-types.js'
import { uploadBody, uploadSchema } from './schemas.js'

declare module 'fastify' {
  interface FastifyRequest {
    uploaded: StoredFile
  }
}

const tags = ['media']
const multipartOverhead = 64 * 1024

export const mediaRoutes: FastifyPluginAsyncZod<{ media: MediaService }> = async (app, { media }) => {
  await app.register(multipart, { limits: { fileSize: maxUploadBytes, files: 2, fields: 2, parts: 3 } })
  app.route({
    method: 'POST',
    url: '/media',
    bodyLimit: maxUploadBytes + multipartOverhead,
    config: { access: everyRole, creates: 201 },
    schema: {
      tags,
      operationId: 'uploadMedia',
      summary: 'One file as multipart/form-data, at most 16 MiB; name it in a message within 24 hours',
      consumes: ['multipart/form-data'],
      body: uploadBody,
      response: {
        201: uploadSchema,
        ...problems('malformed_body', 'unsupported_media_type', 'body_too_large', 'validation_failed'),
      },
    },
    onRequest: assertMultipart,
    preValidation: readFile,
    handler: async (request, reply) => {
      reply.code(201)
      return media.upload(orgCaller(request), request.uploaded)
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

async function assertMultipart(request: FastifyRequest): Promise<void> {
  if (/^multipart\/form-data *;/i.test(request.headers['content-type'] ?? '')) return
  throw new AppError('unsupported_media_type', 'Send one file in a field of multipart/form-data.')
}

/**
 * Reads the only file of the form, to the form's end, so that one that was cut off is not taken. Its digest stands in the
 * place of the body: a repeat with the same Idempotency-Key is told from another file by it.
 */
async function readFile(request: FastifyRequest): Promise<void> {
  let file: StoredFile | null = null
  try {
    for await (const part of request.parts()) {
      if (part.type === 'field') throw invalidField(part.fieldname, 'Send one file and no other field.')
      if (file) throw invalidField(part.fieldname, 'Send one file at a time.')
      file = await toFile(part)
    }
  } catch (error) {
    throw error instanceof AppError || isTooLarge(error) ? error : malformed()
  }
  if (!file) throw invalidField('file', 'Send one file in a field of multipart/form-data.')
  request.uploaded = file
  request.body = { file: [file.contentType, file.fileName, sha256(file.content)] }
}

const toFile = async (part: MultipartFile): Promise<StoredFile> => ({
  contentType: mediaType(part.mimetype),
  fileName: part.filename ? storable(part.filename).slice(0, 255) : null,
  content: await part.toBuffer(),
})

const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && 'statusCode' in error && error.statusCode === 413

const malformed = () =>
  new AppError('malformed_body', 'The body is not valid multipart/form-data, or it was cut off.')

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
