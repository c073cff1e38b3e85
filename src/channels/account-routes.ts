import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { admins, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, noBody, pageOf, pageQuery } from '../http/schemas.js'
import { AppError } from '../lib/errors.js'
import type { ChannelAccountService } from './account-service.js'
import type { BackfillService } from './backfill-service.js'
import {
  backfillBody,
  backfillResultSchema,
  changeAccountBody,
  channelAccountSchema,
  createAccountBody,
  validationResultSchema,
} from './schemas.js'

const tags = ['channel accounts']

const backfillDescription =
  'For after an outage; Parley also does it by itself after a start and every 15 minutes. Messages that are missing ' +
  'are taken in oldest first, with the time of the provider and `recovered: true`. Nothing is taken in twice, however ' +
  'often it is called. `conflict`: the provider refuses the credentials of the account.'

/** Like the role, it is checked before the body is looked at. */
async function assertMaySetSecrets(request: FastifyRequest): Promise<void> {
  if (orgCaller(request).permissions.includes('secrets:write')) return
  throw new AppError(
    'forbidden',
    'Provider secrets are set with a key that has the permission secrets:write. The first admin key has it.',
  )
}

async function assertMayRotate(request: FastifyRequest): Promise<void> {
  const { body } = request
  if (typeof body === 'object' && body !== null && 'credentials' in body) await assertMaySetSecrets(request)
}

export const channelAccountRoutes: FastifyPluginAsyncZod<{
  accounts: ChannelAccountService
  backfill: BackfillService
}> = async (app, { accounts, backfill }) => {
  app.route({
    method: 'POST',
    url: '/channel-accounts',
    config: { access: admins, creates: 201 },
    onRequest: assertMaySetSecrets,
    schema: {
      tags,
      operationId: 'createChannelAccount',
      summary: 'Answers the callback URL, and what is to be done at the provider now',
      body: createAccountBody,
      response: {
        201: channelAccountSchema,
        ...problems(...bodyProblems, 'channel_disabled', 'conflict'),
      },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return accounts.create(orgCaller(request), request.body)
    },
  })
  app.route({
    method: 'GET',
    url: '/channel-accounts',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'listChannelAccounts',
      querystring: pageQuery,
      response: { 200: pageOf(channelAccountSchema), ...problems('validation_failed') },
    },
    handler: (request) => accounts.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/channel-accounts/:id',
    config: { access: leaders },
    schema: {
      tags,
      operationId: 'getChannelAccount',
      params: idParams,
      response: { 200: channelAccountSchema, ...problems('not_found') },
    },
    handler: (request) => accounts.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'PATCH',
    url: '/channel-accounts/:id',
    config: { access: admins },
    preValidation: assertMayRotate,
    schema: {
      tags,
      operationId: 'updateChannelAccount',
      summary: 'New credentials rotate the secret',
      params: idParams,
      body: changeAccountBody,
      response: { 200: channelAccountSchema, ...problems(...bodyProblems, 'not_found', 'conflict') },
    },
    handler: (request) => accounts.update(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/channel-accounts/:id',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'deleteChannelAccount',
      summary: 'Refused while it has numbers',
      params: idParams,
      response: { 204: z.null(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      await accounts.delete(orgCaller(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'POST',
    url: '/channel-accounts/:id/validate',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'validateChannelAccount',
      summary: 'Asks the provider about the credentials and, at Twilio, about each number',
      params: idParams,
      body: noBody,
      response: {
        200: validationResultSchema,
        ...problems(...bodyProblems, 'not_found', 'provider_unreachable'),
      },
    },
    handler: (request) => accounts.validate(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'POST',
    url: '/channel-accounts/:id/backfill',
    config: { access: admins },
    schema: {
      tags,
      operationId: 'backfillChannelAccount',
      summary: 'Takes in messages whose callbacks never came, from the list of the provider',
      description: backfillDescription,
      params: idParams,
      body: backfillBody,
      response: {
        200: backfillResultSchema,
        ...problems(...bodyProblems, 'not_found', 'conflict', 'provider_unreachable'),
      },
    },
    handler: (request) => backfill.run(orgCaller(request), request.params.id, request.body?.since),
  })
}
