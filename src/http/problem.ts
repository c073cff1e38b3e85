import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { isUnavailable } from '../db/faults.js'
import { AppError, type ProblemCode, problemCatalogue } from '../lib/errors.js'

/** RFC 9457, as every refusal is answered. */
export const problemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    requestId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' })

const always: ProblemCode[] = [
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'internal_error',
  'unavailable',
]

/** The refusals of a route, for its `schema.response`: those named here and those that every route can answer. */
export function problems(...codes: ProblemCode[]): Record<number, typeof problemSchema> {
  const statuses = [...always, ...codes].map((code) => problemCatalogue[code].status)
  return Object.fromEntries(statuses.map((status) => [status, problemSchema]))
}

/** What a route with a JSON body can refuse before its handler runs. */
export const bodyProblems: ProblemCode[] = [
  'malformed_body',
  'unsupported_media_type',
  'body_too_large',
  'validation_failed',
]

export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: AppError): FastifyReply {
  const { status, title } = problemCatalogue[error.code]
  if (status === 503 || status === 429) reply.header('retry-after', String(error.members['retryAfter'] ?? 1))
  // Of the answer that was being given when it failed
  for (const name of ['content-length', 'content-range', 'content-encoding']) reply.removeHeader(name)
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send({
      type: `urn:parley:problem:${error.code}`,
      title,
      status,
      detail: error.message,
      code: error.code,
      requestId: request.id,
      ...error.members,
    })
}

export function registerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = toProblem(error)
    if (problem.code === 'internal_error')
      request.log.error({ reqId: request.id, err: error }, 'request failed')
    return sendProblem(request, reply, problem)
  })
}

/** What to tell the caller about anything that was thrown. */
function toProblem(error: FastifyError | AppError | Error): AppError {
  if (error instanceof AppError) return error
  if (hasZodFastifySchemaValidationErrors(error)) return validationProblem(error)
  if (isUnavailable(error))
    return new AppError('unavailable', 'A part that this needs is down. Try again shortly.')
  const { code, statusCode } = error as FastifyError
  const parsing = parsingProblem(code, statusCode)
  return (
    parsing ??
    new AppError('internal_error', 'Something went wrong on our side. Give the request id to support.')
  )
}

function parsingProblem(code: string | undefined, status: number | undefined): AppError | null {
  // What the files of the reference refuse: an address that leads out of their folder
  if (status === 403 || status === 404)
    return new AppError('not_found', 'There is nothing under this address.')
  if (status === 413) return new AppError('body_too_large', 'The body is larger than this route takes.')
  if (status === 415) {
    return new AppError('unsupported_media_type', 'Send the body as application/json with that Content-Type.')
  }
  if (status === 429) return new AppError('rate_limited', 'Too many requests. Wait and try again.')
  if (status === 400 || code?.startsWith('FST_ERR_CTP')) {
    return new AppError('malformed_body', 'The body is not valid JSON in UTF-8.')
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new AppError('validation_failed', 'The request asks for something that cannot be given.')
  }
  return null
}

type ValidationFault = { validationContext?: string | undefined; validation: readonly unknown[] }

function validationProblem({ validationContext, validation }: ValidationFault): AppError {
  // An id that is no id names nothing, like any other unknown id
  if (validationContext === 'params') return new AppError('not_found', 'There is nothing under this address.')
  const errors = validation.map((fault) => {
    const { instancePath = '', message = 'is not valid' } = fault as {
      instancePath?: string
      message?: string
    }
    return { path: instancePath.replace(/^\//, '').replaceAll('/', '.'), message }
  })
  const first = errors[0]
  const where = first?.path ? `"${first.path}"` : `The ${validationContext ?? 'request'}`
  return new AppError('validation_failed', `${where}: ${first?.message ?? 'is not valid'}`, { errors })
}
