import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, everyRole, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import { changeHoursBody, createHoursBody, hoursSchema, hoursStatusSchema, statusQuery } from './schemas.js'
import type { OperatingHoursService } from './service.js'

const tags = ['operating hours']

export const operatingHoursRoutes: FastifyPluginAsyncZod<{ hours: OperatingHoursService }> = async (
  app,
  { hours },
) => {
  app.route({
    method: 'POST',
    url: '/operating-hours',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createOperatingHours',
      summary: 'Monday to Friday from 08:00 to 17:00 where no week is given',
      body: createHoursBody,
      response: { 201: hoursSchema, ...problems(...bodyProblems, 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return hours.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/operating-hours',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listOperatingHours',
      querystring: pageQuery,
      response: { 200: pageOf(hoursSchema), ...problems('validation_failed') },
    },
    handler: (request) => hours.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/operating-hours/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getOperatingHours',
      params: idParams,
      response: { 200: hoursSchema, ...problems('not_found') },
    },
    handler: (request) => hours.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'GET',
    url: '/operating-hours/:id/status',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getOperatingHoursStatus',
      summary: 'Whether it is open at a moment, and when that changes',
      params: idParams,
      querystring: statusQuery,
      response: { 200: hoursStatusSchema, ...problems('not_found', 'validation_failed') },
    },
    handler: (request) => hours.status(orgCaller(request), request.params.id, request.query.at),
  })
  app.route({
    method: 'PATCH',
    url: '/operating-hours/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'changeOperatingHours',
      summary: 'Each of weekly, exceptions and holidays is replaced as a whole',
      params: idParams,
      body: changeHoursBody,
      response: { 200: hoursSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => hours.update(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/operating-hours/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deleteOperatingHours',
      summary: 'Refused while a queue or a number keeps to them',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      await hours.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
}
