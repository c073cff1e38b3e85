import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, everyRole, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import type { PresenceService } from './presence-service.js'
import {
  changePresenceStatusBody,
  presenceSettingsBody,
  presenceSettingsSchema,
  presenceStatusBody,
  presenceStatusSchema,
} from './schemas.js'

const tags = ['presence']

export const presenceRoutes: FastifyPluginAsyncZod<{ presence: PresenceService }> = async (
  app,
  { presence },
) => {
  app.route({
    method: 'POST',
    url: '/presence-statuses',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createPresenceStatus',
      summary: 'A presence under a name of your own',
      body: presenceStatusBody,
      response: { 201: presenceStatusSchema, ...problems(...bodyProblems, 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return presence.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/presence-statuses',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listPresenceStatuses',
      querystring: pageQuery,
      response: { 200: pageOf(presenceStatusSchema), ...problems('validation_failed') },
    },
    handler: (request) => presence.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/presence-statuses/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getPresenceStatus',
      params: idParams,
      response: { 200: presenceStatusSchema, ...problems('not_found') },
    },
    handler: (request) => presence.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/presence-statuses/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'changePresenceStatus',
      summary: 'The name; the presence that it stands for is fixed',
      params: idParams,
      body: changePresenceStatusBody,
      response: { 200: presenceStatusSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => presence.rename(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/presence-statuses/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deletePresenceStatus',
      summary: 'Refused while an agent has it',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      await presence.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'GET',
    url: '/presence-settings',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getPresenceSettings',
      response: { 200: presenceSettingsSchema, ...problems() },
    },
    handler: (request) => presence.settings(orgCaller(request)),
  })
  app.route({
    method: 'PUT',
    url: '/presence-settings',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'setPresenceSettings',
      summary:
        'All of them, from now on: what follows from rejected and missed offers (nothing by default), and how many conversations an agent may have',
      body: presenceSettingsBody,
      response: { 200: presenceSettingsSchema, ...problems(...bodyProblems) },
    },
    handler: (request) => presence.setSettings(orgCaller(request), request.body),
  })
}
