import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { admins, orgCaller } from '../http/access.js'
import { problems } from '../http/problem.js'
import { pageOf } from '../http/schemas.js'
import { auditEntrySchema, auditQuery } from './audit-schemas.js'
import type { AuditService } from './audit-service.js'

export const auditRoutes: FastifyPluginAsyncZod<{ audit: AuditService }> = async (app, { audit }) => {
  app.route({
    method: 'GET',
    url: '/audit-log',
    config: { access: admins },
    schema: {
      tags: ['audit log'],
      operationId: 'listAuditLog',
      summary: 'Who changed the configuration and who read what was said, newest first',
      querystring: auditQuery,
      response: { 200: pageOf(auditEntrySchema), ...problems('validation_failed') },
    },
    handler: (request) => audit.list(orgCaller(request), request.query),
  })
}
