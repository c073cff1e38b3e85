import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { everyRole, leaders, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, noBody, pageOf, pageQuery } from '../http/schemas.js'
import type { ConversationReader } from './reader.js'
import {
  conversationQuery,
  conversationSchema,
  linkBody,
  sessionSchema,
  statusChangeSchema,
  targetBody,
} from './schemas.js'
import type { ConversationService } from './service.js'
import type { TransferService } from './transfer-service.js'

interface Options {
  conversations: ConversationService
  transfers: TransferService
  reader: ConversationReader
}

const tags = ['conversations']

/** An agent's work: the key must name an agent. */
const agents = { access: everyRole, asAgent: true } as const

/** The steps that take no body: the path, the method of the service that makes it, and who may call it. */
const steps = [
  ['accept', 'accept', agents, 'The offered agent accepts'],
  ['reject', 'reject', agents, 'The offer goes back to the queue and to the next agent'],
  ['pick', 'pick', agents, 'An agent takes an open conversation of one of their queues'],
  ['close', 'close', agents, 'From accepted to waiting; from wrap-up to closed'],
  ['end', 'end', agents, 'The agent resolves it: to wrap-up'],
  ['resume', 'resume', agents, 'A waiting conversation is taken up again'],
  ['release', 'release', agents, 'Back to its queue'],
  ['force-close', 'forceClose', { access: leaders }, 'Closes it in whatever state it is'],
  ['read', 'markRead', { access: everyRole }, 'All messages are read'],
] as const

export const conversationRoutes: FastifyPluginAsyncZod<Options> = async (
  app,
  { conversations, transfers, reader },
) => {
  app.route({
    method: 'GET',
    url: '/conversations',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listConversations',
      querystring: conversationQuery,
      response: { 200: pageOf(conversationSchema), ...problems('validation_failed') },
    },
    handler: (request) => reader.list(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/conversations/:id',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getConversation',
      params: idParams,
      response: { 200: conversationSchema, ...problems('not_found') },
    },
    handler: (request) => reader.get(orgCaller(request), request.params.id),
  })
  app.route({
    method: 'GET',
    url: '/conversations/:id/sessions',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listConversationSessions',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageOf(sessionSchema), ...problems('not_found', 'validation_failed') },
    },
    handler: (request) => reader.sessions(orgCaller(request), request.params.id, request.query),
  })
  app.route({
    method: 'GET',
    url: '/conversations/:id/history',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listConversationHistory',
      summary: 'Every step of the conversation in order: what happened, why, and who did it',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageOf(statusChangeSchema), ...problems('not_found', 'validation_failed') },
    },
    handler: (request) => reader.history(orgCaller(request), request.params.id, request.query),
  })
  for (const [path, method, config, summary] of steps) {
    app.route({
      method: 'POST',
      url: `/conversations/:id/${path}`,
      config,
      schema: {
        tags,
        summary,
        operationId: `${method}Conversation`,
        params: idParams,
        body: noBody,
        response: {
          200: conversationSchema,
          ...problems(...bodyProblems, 'not_found', 'invalid_transition'),
        },
      },
      handler: (request) => conversations[method](orgCaller(request), request.params.id),
    })
  }
  app.route({
    method: 'POST',
    url: '/conversations/:id/transfer',
    config: { access: everyRole },
    schema: {
      tags,
      summary:
        'To a queue at once; to an agent when they accept it, until then it stays with the one who has it',
      operationId: 'transferConversation',
      params: idParams,
      body: targetBody,
      response: {
        200: conversationSchema,
        ...problems(...bodyProblems, 'not_found', 'invalid_transition', 'already_assigned', 'conflict'),
      },
    },
    handler: (request) => transfers.transfer(orgCaller(request), request.params.id, request.body),
  })
  app.route({
    method: 'PUT',
    url: '/conversations/:id/contact',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'linkConversation',
      params: idParams,
      body: linkBody,
      response: { 200: conversationSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: (request) => conversations.link(orgCaller(request), request.params.id, request.body.contactId),
  })
  app.route({
    method: 'DELETE',
    url: '/conversations/:id/contact',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'unlinkConversation',
      params: idParams,
      response: { 200: conversationSchema, ...problems('not_found') },
    },
    handler: (request) => conversations.unlink(orgCaller(request), request.params.id),
  })
}
