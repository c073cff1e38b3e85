import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { everyRole, orgCaller } from '../http/access.js'
import { problems } from '../http/problem.js'
import type { OrgCaller } from '../lib/caller.js'
import { AppError } from '../lib/errors.js'
import type { EventFeed } from './feed.js'
import { type Audience, EventStream } from './stream.js'
import type { StreamPlaces } from './stream-places.js'

interface Options {
  feed: EventFeed
  places: StreamPlaces
  /** What this caller may hear, as memberships change; tells when the key or token is no longer what it was. Writes down that the caller listens */
  audienceOf: (caller: OrgCaller, onAccessLost: () => void) => Promise<{ hears: Audience; end: () => void }>
}

const position = /^\d{1,18}$/

export const streamRoutes: FastifyPluginAsyncZod<Options> = async (app, { feed, places, audienceOf }) => {
  const open = new Set<EventStream>()
  app.addHook('preClose', async () => {
    for (const stream of open) stream.end()
  })
  app.route({
    method: 'GET',
    url: '/events',
    config: { access: everyRole, staysOpen: true },
    schema: {
      tags: ['events'],
      operationId: 'streamEvents',
      summary: 'Server-sent events. Send Last-Event-ID to get what was missed in the last 24 hours',
      querystring: z.object({ lastEventId: z.string().regex(position).optional() }),
      response: {
        200: z.string().meta({ description: 'text/event-stream' }),
        ...problems('validation_failed'),
      },
    },
    handler: async (request, reply) => {
      const caller = orgCaller(request)
      const lastEventId = request.headers['last-event-id'] ?? request.query.lastEventId
      if (lastEventId !== undefined && !position.test(String(lastEventId))) {
        throw new AppError('validation_failed', 'Last-Event-ID is not an id that this stream gave.', {
          errors: [{ path: 'Last-Event-ID', message: 'not an id of this stream' }],
        })
      }
      const giveBack = places.take(caller.orgId)
      if (reply.raw.destroyed) giveBack()
      else reply.raw.once('close', giveBack)
      let stream: EventStream | null = null
      const { hears, end } = await audienceOf(caller, () => stream?.end())
      reply.hijack()
      if (reply.raw.destroyed) {
        // The client has gone meanwhile, and its "close" is over
        end()
        return
      }
      reply.raw.writeHead(200, {
        // Those for safety, which Fastify would have sent
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
        connection: 'keep-alive',
      })
      const opened = new EventStream({ orgId: caller.orgId, feed, audience: hears, response: reply.raw })
      stream = opened
      open.add(opened)
      reply.raw.on('close', () => {
        open.delete(opened)
        end()
      })
      try {
        await opened.open(lastEventId === undefined ? null : BigInt(String(lastEventId)))
      } catch (error) {
        request.log.warn({ reqId: request.id, err: error }, 'event stream could not start')
        opened.end()
      }
    },
  })
}
