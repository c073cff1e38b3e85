import formbody from '@fastify/formbody'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ProviderName } from '../db/generated/enums.js'
import type { Gate } from '../http/gate.js'
import { problems } from '../http/problem.js'
import type { RateLimits } from '../http/rate-limits.js'
import { notFound } from '../lib/errors.js'
import type { CallbackCall, CallbackIntake } from './callback-intake.js'
import { callbackParams } from './schemas.js'

const bodyLimit = 64 * 1024
const tags = ['callbacks']

const routes = [
  ['/callbacks/twilio/:token', 'twilio', 'inbound', 'receiveTwilio', 'Inbound SMS and WhatsApp messages'],
  [
    '/callbacks/twilio/:token/status',
    'twilio',
    'status',
    'receiveTwilioStatus',
    'Delivery status of a message',
  ],
  [
    '/callbacks/telesign/:token',
    'telesign',
    'inbound',
    'receiveTelesign',
    'Inbound SMS and delivery status, told apart by content',
  ],
] as const

interface Options {
  intake: CallbackIntake
  gate: Gate
  limits: RateLimits | null
}

/**
 * What providers call. Their signature stands in the place of a key; the token in the URL names the account. However many
 * callbacks come, none is refused for that alone: a text that is lost is a customer that is lost.
 */
export const callbackRoutes: FastifyPluginAsyncZod<Options> = async (app, { intake, gate, limits }) => {
  await keepBodiesRaw(app)
  gate.guard(app)
  const lookFor = async (provider: ProviderName, request: FastifyRequest) => {
    if (await intake.isKnown(provider, tokenOf(request))) return
    await limits?.countGuess(request)
    throw notFound('callback URL')
  }
  for (const [url, provider, kind, operationId, summary] of routes) {
    app.route({
      method: 'POST',
      url,
      bodyLimit,
      config: { access: 'public' },
      schema: {
        tags,
        operationId,
        summary,
        security: [],
        params: callbackParams,
        response: {
          ...(kind === 'status' ? { 204: z.string() } : { 200: z.string() }),
          ...problems('malformed_body', 'not_found', 'body_too_large', 'unsupported_media_type'),
        },
      },
      // Nobody's body is read before it is known that there is somebody to take it
      preParsing: (request, _reply, _payload, done) => {
        if (intake.remembers(provider, request.params.token)) done()
        else lookFor(provider, request).then(() => done(), done)
      },
      handler: async (request, reply) => {
        const { id, params } = request
        const answer = await intake.receive({ id, provider, kind, token: params.token, ...raw(request) })
        if (answer.contentType) reply.type(answer.contentType)
        return reply.code(answer.status as 200).send(answer.body)
      },
    })
  }
}

/** Null where it has not the form of one: parameters are validated later. */
const tokenOf = ({ params }: FastifyRequest): string | null =>
  callbackParams.safeParse(params).data?.token ?? null

/** The signature is over the body as it came, so nothing may parse it before. */
async function keepBodiesRaw(app: FastifyInstance): Promise<void> {
  app.removeAllContentTypeParsers()
  await app.register(formbody, { bodyLimit, parser: (body) => ({ raw: body }) })
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, { raw: body.toString() })
  })
}

/** Of the request as it was sent. A proxy in front may change host and scheme and strip the path of PUBLIC_URL. */
function raw(request: FastifyRequest): Pick<CallbackCall, 'target' | 'headers' | 'body'> {
  const { body, headers } = request
  return {
    target: request.raw.url ?? request.url,
    headers: headers as CallbackCall['headers'],
    body: (body as { raw: string } | undefined)?.raw ?? '',
  }
}
