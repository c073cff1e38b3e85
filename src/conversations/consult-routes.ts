import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { everyRole, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, noBody, pageOf, pageQuery } from '../http/schemas.js'
import type { ConsultService } from './consult-service.js'
import { consultParams, consultSchema, targetBody } from './schemas.js'

const tags = ['consults']

const steps = [
  ['add', 'From now on the consultant writes to the customer, too'],
  ['remove', 'The agent who has the conversation ends the consult, or takes the invitation back'],
  ['leave', 'The consultant leaves, and sees the conversation no more'],
] as const

export const consultRoutes: FastifyPluginAsyncZod<{ consults: ConsultService }> = async (
  app,
  { consults },
) => {
  app.route({
    method: 'POST',
    url: '/conversations/:id/consults',
    config: { access: everyRole, asAgent: true, creates: 201 },
    schema: {
      tags,
      operationId: 'createConsult',
      summary: 'Asks an agent, or an available member of a queue, who accepts or rejects it like an offer',
      params: idParams,
      body: targetBody,
      response: {
        201: consultSchema,
        ...problems(...bodyProblems, 'not_found', 'invalid_transition', 'already_assigned', 'conflict'),
      },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return consults.invite(orgCaller(request), request.params.id, request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/conversations/:id/consults',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listConsults',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageOf(consultSchema), ...problems('not_found', 'validation_failed') },
    },
    handler: (request) => consults.list(orgCaller(request), request.params.id, request.query),
  })
  for (const [step, summary] of steps) {
    app.route({
      method: 'POST',
      url: `/conversations/:id/consults/:consultId/${step}`,
      config: { access: everyRole, asAgent: true },
      schema: {
        tags,
        operationId: `${step}Consult`,
        summary,
        params: consultParams,
        body: noBody,
        response: { 200: consultSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
      },
      handler: (request) => consults[step](orgCaller(request), request.params.id, request.params.consultId),
    })
  }
}
