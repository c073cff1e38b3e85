import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import {
  templateBody,
  templateSchema,
  workstreamNotificationsBody,
  workstreamNotificationsSchema,
} from './schemas.js'
import type { NotificationTemplateService } from './service.js'

const tags = ['notification templates']

interface Options {
  templates: NotificationTemplateService
}

export const notificationTemplateRoutes: FastifyPluginAsyncZod<Options> = async (app, { templates }) => {
  app.route({
    method: 'POST',
    url: '/notification-templates',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createNotificationTemplate',
      summary: 'How long an offer stands, whether it becomes the agent’s by itself, and what is shown',
      body: templateBody,
      response: { 201: templateSchema, ...problems(...bodyProblems, 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return templates.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/notification-templates',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'listNotificationTemplates',
      querystring: pageQuery,
      response: { 200: pageOf(templateSchema), ...problems('validation_failed') },
    },
    handler: (request) => templates.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/notification-templates/:id',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getNotificationTemplate',
      params: idParams,
      response: { 200: templateSchema, ...problems('not_found') },
    },
    handler: (request) => templates.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/notification-templates/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'replaceNotificationTemplate',
      summary: 'The whole template. It holds for offers that are made from then on',
      params: idParams,
      body: templateBody,
      response: { 200: templateSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => templates.replace(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/notification-templates/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deleteNotificationTemplate',
      summary: 'Refused while a workstream uses it',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      await templates.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'GET',
    url: '/workstreams/:id/notifications',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getWorkstreamNotifications',
      params: idParams,
      response: { 200: workstreamNotificationsSchema, ...problems('not_found') },
    },
    handler: (request) => templates.ofWorkstream(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/workstreams/:id/notifications',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'setWorkstreamNotifications',
      summary: 'A template for each kind of offer; absent or null: the defaults of the service',
      params: idParams,
      body: workstreamNotificationsBody,
      response: { 200: workstreamNotificationsSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => templates.setOfWorkstream(orgCaller(request), request.params.id, request.body),
  })
}
