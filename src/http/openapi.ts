import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { Server } from './server.js'

const pagePolicy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"

/** Collects every route that is registered after this for the reference, with the schemas that check requests and answers. */
export async function collectReference(app: Server, publicUrl: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Parley',
        version: '1.0.0',
        description:
          'SMS and WhatsApp conversations between customers and agents, for many organizations.\n\n' +
          'Calls are limited per key and per organization. `RateLimit-Limit`, `RateLimit-Remaining` and ' +
          '`RateLimit-Reset` (seconds) tell of the limit that is closer; beyond it a call is answered 429 ' +
          '`rate_limited`. While the service is overloaded it answers 503 `unavailable`. Both have `Retry-After`.',
      },
      servers: [{ url: publicUrl }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  })
}

/** The reference itself, for programs and for people. */
export async function showReference(app: FastifyInstance): Promise<void> {
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { docExpansion: 'none' },
    staticCSP: pagePolicy,
  })
}
