import type { FastifyPluginAsync } from 'fastify'
import { agentRoutes } from './agents/routes.js'
import { channelAccountRoutes } from './channels/account-routes.js'
import { callbackRoutes } from './channels/callback-routes.js'
import { channelNumberRoutes } from './channels/number-routes.js'
import { quarantineRoutes } from './channels/quarantine-routes.js'
import { contactRoutes } from './contacts/routes.js'
import type { Container } from './container.js'
import { conversationRoutes } from './conversations/routes.js'
import { streamRoutes } from './events/stream-routes.js'
import { registerAccess } from './http/access.js'
import { healthRoutes } from './http/health-routes.js'
import { registerIdempotency } from './http/idempotency.js'
import { registerOpenApi } from './http/openapi.js'
import { createServer, registerRateLimit, type Server, unknownRoute } from './http/server.js'
import { apiKeyRoutes } from './identity/api-key-routes.js'
import { auditRoutes } from './identity/audit-routes.js'
import { organizationRoutes } from './identity/organization-routes.js'
import { mediaLinkRoutes } from './messages/media-link-routes.js'
import { mediaRoutes } from './messages/media-routes.js'
import { messageRoutes } from './messages/routes.js'
import { queueRoutes } from './workstreams/queue-routes.js'
import { workstreamRoutes } from './workstreams/routes.js'
import { routingRuleRoutes } from './workstreams/rule-routes.js'

/** The HTTP side of the service. Nothing listens yet. */
export async function createApi(parts: Container): Promise<Server> {
  const app = await createServer(parts.log, parts.settings.publicUrl)
  await registerOpenApi(app, parts.settings.publicUrl)
  await app.register(openRoutes, { parts })
  await app.register(callerRoutes, { parts, prefix: '/v1' })
  return app
}

/** What providers and operators call: no key. */
const openRoutes: FastifyPluginAsync<{ parts: Container }> = async (app, { parts }) => {
  await app.register(healthRoutes, { health: parts.health })
  await app.register(callbackRoutes, { intake: parts.intake })
  await app.register(mediaLinkRoutes, { media: parts.media })
}

/** What needs a key or a token. */
const callerRoutes: FastifyPluginAsync<{ parts: Container }> = async (app, { parts }) => {
  const onRefused = parts.settings.rateLimit ? await registerRateLimit(app) : undefined
  // Answers are for the caller, not for what keeps copies on the way
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  registerAccess(app, parts.authenticate, onRefused)
  registerIdempotency(app, parts.db, parts.clock)
  app.setNotFoundHandler(unknownRoute)
  await app.register(organizationRoutes, { organizations: parts.organizations })
  await app.register(apiKeyRoutes, { apiKeys: parts.apiKeys })
  await app.register(auditRoutes, { audit: parts.audit })
  await app.register(agentRoutes, { agents: parts.agents })
  await app.register(contactRoutes, { contacts: parts.contacts })
  await app.register(channelAccountRoutes, { accounts: parts.accounts, backfill: parts.backfill })
  await app.register(channelNumberRoutes, { numbers: parts.numbers })
  await app.register(quarantineRoutes, { quarantine: parts.quarantine })
  await app.register(queueRoutes, { queues: parts.queues })
  await app.register(workstreamRoutes, { workstreams: parts.workstreams })
  await app.register(routingRuleRoutes, { workstreams: parts.workstreams })
  await app.register(conversationRoutes, { conversations: parts.conversations, reader: parts.reader })
  await app.register(messageRoutes, { replies: parts.replies, messages: parts.messages })
  await app.register(mediaRoutes, { media: parts.media })
  await app.register(streamRoutes, { feed: parts.feed, audienceOf: parts.audiences.of })
}
