import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, everyRole, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, pageOf, pageQuery } from '../http/schemas.js'
import {
  agentSkillsBody,
  agentSkillsSchema,
  changeSkillBody,
  createSkillBody,
  skillSchema,
} from './schemas.js'
import type { SkillService } from './service.js'

const tags = ['skills']

export const skillRoutes: FastifyPluginAsyncZod<{ skills: SkillService }> = async (app, { skills }) => {
  app.route({
    method: 'POST',
    url: '/skills',
    config: { access: admins, creates: 201 },
    schema: {
      tags,
      operationId: 'createSkill',
      body: createSkillBody,
      response: { 201: skillSchema, ...problems(...bodyProblems, 'conflict') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return skills.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/skills',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listSkills',
      querystring: pageQuery,
      response: { 200: pageOf(skillSchema), ...problems('validation_failed') },
    },
    handler: (request) => skills.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/skills/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getSkill',
      params: idParams,
      response: { 200: skillSchema, ...problems('not_found') },
    },
    handler: (request) => skills.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/skills/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'changeSkill',
      params: idParams,
      body: changeSkillBody,
      response: { 200: skillSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => skills.rename(orgCaller(request), request.params.id, request.body.name),
  })
  app.route({
    method: 'DELETE',
    url: '/skills/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deleteSkill',
      summary: 'Refused while classification rules ask for it; agents lose it',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      await skills.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'GET',
    url: '/agents/:id/skills',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getAgentSkills',
      params: idParams,
      response: { 200: agentSkillsSchema, ...problems('not_found') },
    },
    handler: (request) => skills.ofAgent(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/agents/:id/skills',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'replaceAgentSkills',
      summary: 'All skills of the agent, with ratings',
      params: idParams,
      body: agentSkillsBody,
      response: { 200: agentSkillsSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => skills.replaceOfAgent(orgCaller(request), request.params.id, request.body),
  })
}
