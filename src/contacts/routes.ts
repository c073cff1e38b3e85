import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { everyRole, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import {
  changeContactBody,
  contactQuery,
  contactSchema,
  createContactBody,
  optOutSchema,
  writtenContactSchema,
} from './schemas.js'
import type { ContactService } from './service.js'

const tags = ['contacts']

export const contactRoutes: FastifyPluginAsyncZod<{ contacts: ContactService }> = async (
  app,
  { contacts },
) => {
  app.route({
    method: 'POST',
    url: '/contacts',
    config: { access: everyRole, creates: 201 },
    schema: {
      tags,
      operationId: 'createContact',
      body: createContactBody,
      response: { 201: writtenContactSchema, ...problems(...bodyProblems) },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return contacts.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/contacts',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listContacts',
      querystring: contactQuery,
      response: { 200: pageOf(contactSchema), ...problems('validation_failed') },
    },
    handler: (request) => contacts.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/contacts/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getContact',
      params: idParams,
      response: { 200: contactSchema, ...problems('not_found') },
    },
    handler: (request) => contacts.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/contacts/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'changeContact',
      params: idParams,
      body: changeContactBody,
      response: { 200: writtenContactSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => contacts.update(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/contacts/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'deleteContact',
      summary: 'Refused while a conversation is linked to it: set "active" to false instead',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      await contacts.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'GET',
    url: '/opt-outs',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'listOptOuts',
      summary: 'Customers who may not be written to',
      querystring: pageQuery,
      response: { 200: pageOf(optOutSchema), ...problems('validation_failed') },
    },
    handler: (request) => contacts.optOuts(orgCaller(request), request.query),
  })
}
