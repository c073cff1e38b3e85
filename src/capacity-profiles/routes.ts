import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, everyRole, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import {
  agentProfileBody,
  agentProfileParams,
  agentProfileSchema,
  capacityProfileSchema,
  changeProfileBody,
  createProfileBody,
} from './schemas.js'
import type { CapacityProfileService } from './service.js'

const tags = ['capacity profiles']

interface Options {
  profiles: CapacityProfileService
}

export const capacityProfileRoutes: FastifyPluginAsyncZod<Options> = async (app, { profiles }) => {
  app.route({
    method: 'POST',
    url: '/capacity-profiles',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createCapacityProfile',
      summary: 'How many conversations of a kind an agent may have: at once, or in a day',
      body: createProfileBody,
      response: { 201: capacityProfileSchema, ...problems(...bodyProblems, 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return profiles.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/capacity-profiles',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listCapacityProfiles',
      querystring: pageQuery,
      response: { 200: pageOf(capacityProfileSchema), ...problems('validation_failed') },
    },
    handler: (request) => profiles.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/capacity-profiles/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getCapacityProfile',
      params: idParams,
      response: { 200: capacityProfileSchema, ...problems('not_found') },
    },
    handler: (request) => profiles.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/capacity-profiles/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'changeCapacityProfile',
      summary: 'Everything but the reset. A new limit holds for what is assigned from now on',
      params: idParams,
      body: changeProfileBody,
      response: { 200: capacityProfileSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => profiles.update(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/capacity-profiles/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deleteCapacityProfile',
      summary:
        'Refused while a workstream or an agent has it; conversations that carry it take units from then on',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      await profiles.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'GET',
    url: '/agents/:id/capacity-profiles',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listAgentCapacityProfiles',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageOf(agentProfileSchema), ...problems('not_found', 'validation_failed') },
    },
    handler: (request) => profiles.ofAgent(orgCaller(request), request.params.id, request.query),
  })
  app.route({
    method: 'PUT',
    url: '/agents/:id/capacity-profiles/:profileId',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'setAgentCapacityProfile',
      params: agentProfileParams,
      body: agentProfileBody,
      response: { 200: agentProfileSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => {
      const { id: agentId, profileId } = request.params
      return profiles.assign(orgCaller(request), { agentId, profileId }, request.body?.limit ?? null)
    },
  })
  app.route({
    method: 'DELETE',
    url: '/agents/:id/capacity-profiles/:profileId',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'removeAgentCapacityProfile',
      summary: 'What the agent has at hand stays with them',
      params: agentProfileParams,
      response: { 204: z.null(), ...problems('not_found') },
    },
    handler: async (request, reply) => {
      const { id: agentId, profileId } = request.params
      await profiles.withdraw(orgCaller(request), { agentId, profileId })
      return reply.code(204).send(null)
    },
  })
}
