import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { everyRole, orgCaller } from '../http/access.js'
import { bodyProblems, problems } from '../http/problem.js'
import { idParams, noBody, pageOf, pageQuery } from '../http/schemas.js'
import type { MessageService } from './message-service.js'
import type { ReplyService } from './reply-service.js'
import {
  customerSummarySchema,
  messageParams,
  messageSchema,
  messagesQuery,
  noteBody,
  sendBody,
} from './schemas.js'

interface Options {
  replies: ReplyService
  messages: MessageService
}

const tags = ['messages']

export const messageRoutes: FastifyPluginAsyncZod<Options> = async (app, { replies, messages }) => {
  app.route({
    method: 'GET',
    url: '/messages',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listMessagesByStatus',
      summary: 'Messages whose outcome is unknown, in all conversations that you may see',
      querystring: messagesQuery,
      response: { 200: pageOf(messageSchema), ...problems('validation_failed') },
    },
    handler: (request) => messages.listUnknown(orgCaller(request), request.query),
  })
  app.route({
    method: 'GET',
    url: '/conversations/:id/messages',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'listMessages',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageOf(messageSchema), ...problems('not_found', 'validation_failed') },
    },
    handler: (request) => messages.list(orgCaller(request), request.params.id, request.query),
  })
  app.route({
    method: 'POST',
    url: '/conversations/:id/messages',
    config: { access: everyRole, asAgent: true, creates: 202 },
    schema: {
      tags,
      operationId: 'sendMessage',
      params: idParams,
      body: sendBody,
      response: { 202: messageSchema, ...problems(...bodyProblems, 'not_found', 'invalid_transition') },
    },
    handler: async (request, reply) => {
      reply.code(202)
      return replies.send(orgCaller(request), request.params.id, request.body)
    },
  })
  for (const decision of ['resend', 'dismiss'] as const) {
    app.route({
      method: 'POST',
      url: `/conversations/:id/messages/:messageId/${decision}`,
      config: { access: everyRole },
      schema: {
        tags,
        operationId: `${decision}Message`,
        params: messageParams,
        body: noBody,
        response: { 200: messageSchema, ...problems(...bodyProblems, 'not_found', 'invalid_transition') },
      },
      handler: (request) =>
        replies[decision](orgCaller(request), request.params.id, request.params.messageId),
    })
  }
  app.route({
    method: 'POST',
    url: '/conversations/:id/notes',
    config: { access: everyRole, creates: 201 },
    schema: {
      tags,
      operationId: 'addNote',
      params: idParams,
      body: noteBody,
      response: { 201: messageSchema, ...problems(...bodyProblems, 'not_found') },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return messages.addNote(orgCaller(request), request.params.id, request.body.text)
    },
  })
  app.route({
    method: 'GET',
    url: '/conversations/:id/customer-summary',
    config: { access: everyRole },
    schema: {
      tags,
      operationId: 'getCustomerSummary',
      params: idParams,
      response: { 200: customerSummarySchema, ...problems('not_found') },
    },
    handler: (request) => messages.customerSummary(orgCaller(request), request.params.id),
  })
}
