import type { FastifyPluginAsync } from 'fastify'
import { presenceRoutes } from './agents/presence-routes.js'
import { agentRoutes } from './agents/routes.js'
import { automaticMessageRoutes } from './automatic-messages/routes.js'
import { bulkActionRoutes } from './bulk-actions/routes.js'
import { capacityProfileRoutes } from './capacity-profiles/routes.js'
import { channelAccountRoutes } from './channels/account-routes.js'
import { callbackRoutes } from './channels/callback-routes.js'
import { channelNumberRoutes } from './channels/number-routes.js'
import { quarantineRoutes } from './channels/quarantine-routes.js'
import { contactRoutes } from './contacts/routes.js'
import type { Container } from './container.js'
import { consultRoutes } from './conversations/consult-routes.js'
import { liveRoutes } from './conversations/live-routes.js'
import { conversationRoutes } from './conversations/routes.js'
import { StreamPlaces } from './events/stream-places.js'
import { streamRoutes } from './events/stream-routes.js'
import { operatingHoursRoutes } from './hours/routes.js'
import { registerAccess } from './http/access.js'
import { Gate } from './http/gate.js'
import { healthRoutes } from './http/health-routes.js'
import { registerIdempotency } from './http/idempotency.js'
import { collectReference, showReference } from './http/openapi.js'
import { createRateLimits, type RateLimits } from './http/rate-limits.js'
import { createServer, type Server, sendBrowserHeaders, unknownRoute } from './http/server.js'
import { apiKeyRoutes } from './identity/api-key-routes.js'
import { auditRoutes } from './identity/audit-routes.js'
import { organizationRoutes } from './identity/organization-routes.js'
import type { OrgCaller } from './lib/caller.js'
import { mediaLinkRoutes } from './messages/media-link-routes.js'
import { mediaRoutes } from './messages/media-routes.js'
import { messageRoutes } from './messages/routes.js'
import { notificationTemplateRoutes } from './notification-templates/routes.js'
import { routingSettingsRoutes } from './routing/settings-routes.js'
import { whyRoutes } from './routing/why-routes.js'
import { skillRoutes } from './skills/routes.js'
import { supervisionRoutes } from './supervision/routes.js'
import { supervisionSettingsRoutes } from './supervision/settings-routes.js'
import { timeoutRoutes } from './timeouts/routes.js'
import { queueRoutes } from './workstreams/queue-routes.js'
import { workstreamRoutes } from './workstreams/routes.js'
import { routingRuleRoutes } from './workstreams/rule-routes.js'

// Of callbacks two commits full: one is written while the next gathers. They have places of their own: a customer's text
// is not refused because the API is busy
const usuallyAtOnce = { callbacks: 400, calls: 200, streams: 4000, streamsOfOrganization: 1000 }

interface Scope {
  parts: Container
  /** Null: none */
  limits: RateLimits | null
  calls: Gate
  places: StreamPlaces
}

/** The HTTP side of the service. Nothing listens yet. */
export async function createApi(parts: Container): Promise<Server> {
  const { publicUrl, trustProxy, rateLimit, redisUrl, mostAtOnce = usuallyAtOnce } = parts.settings
  const app = await createServer(parts.log, publicUrl, trustProxy)
  await collectReference(app, publicUrl)
  const limits = rateLimit ? await createRateLimits(app, redisUrl, parts.log) : null
  const calls = new Gate(mostAtOnce.calls)
  const callbacks = new Gate(mostAtOnce.callbacks)
  await app.register(callbackRoutes, { intake: parts.intake, gate: callbacks, limits })
  const places = new StreamPlaces(mostAtOnce)
  await app.register(otherRoutes, { parts, limits, calls, places })
  return app
}

/**
 * All but the callbacks: what a browser may show. A scope beside theirs, because a hook of the scope around both runs for
 * both, in whatever order they are registered, and a provider has no use for what browsers are told.
 */
const otherRoutes: FastifyPluginAsync<Scope> = async (app, scope) => {
  const { parts, calls } = scope
  await sendBrowserHeaders(app)
  app.setNotFoundHandler(unknownRoute)
  await showReference(app)
  // What operators and providers call: no key
  await app.register(healthRoutes, { health: parts.health })
  await app.register(mediaLinkRoutes, { media: parts.media, gate: calls })
  await app.register(callerRoutes, { ...scope, prefix: '/v1' })
}

/** What a stream may hear, and that it stands: it is its agent's connection. */
const listening =
  ({ audiences, connections }: Container) =>
  async (caller: OrgCaller, onAccessLost: () => void) => {
    const { hears, end } = await audiences.of(caller, onAccessLost)
    const close = await connections.opened(caller)
    return {
      hears,
      end: () => {
        end()
        close()
      },
    }
  }

/** What needs a key or a token. */
const callerRoutes: FastifyPluginAsync<Scope> = async (app, { parts, limits, calls, places }) => {
  // Answers are for the caller, not for what keeps copies on the way
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  calls.guard(app)
  registerAccess(app, (token, origin) => calls.pass(() => parts.authenticate(token, origin)), limits)
  registerIdempotency(app, parts.db, parts.clock)
  app.setNotFoundHandler(unknownRoute)
  await app.register(organizationRoutes, { organizations: parts.organizations })
  await app.register(apiKeyRoutes, { apiKeys: parts.apiKeys })
  await app.register(auditRoutes, { audit: parts.audit })
  await app.register(agentRoutes, { agents: parts.agents })
  await app.register(presenceRoutes, { presence: parts.presence })
  await app.register(capacityProfileRoutes, { profiles: parts.capacityProfiles })
  await app.register(contactRoutes, { contacts: parts.contacts })
  await app.register(channelAccountRoutes, { accounts: parts.accounts, backfill: parts.backfill })
  await app.register(channelNumberRoutes, { numbers: parts.numbers })
  await app.register(quarantineRoutes, { quarantine: parts.quarantine })
  await app.register(operatingHoursRoutes, { hours: parts.hours })
  await app.register(skillRoutes, { skills: parts.skills })
  await app.register(queueRoutes, { queues: parts.queues })
  await app.register(workstreamRoutes, { workstreams: parts.workstreams })
  await app.register(routingRuleRoutes, { rules: parts.rules })
  await app.register(whyRoutes, { why: parts.why })
  await app.register(routingSettingsRoutes, { settings: parts.routingSettings })
  await app.register(notificationTemplateRoutes, { templates: parts.notificationTemplates })
  await app.register(timeoutRoutes, { timeouts: parts.timeouts })
  await app.register(conversationRoutes, parts)
  await app.register(consultRoutes, parts)
  await app.register(supervisionRoutes, parts)
  await app.register(bulkActionRoutes, { bulkActions: parts.bulkActions })
  await app.register(supervisionSettingsRoutes, { settings: parts.supervisionSettings })
  await app.register(liveRoutes, { live: parts.live })
  await app.register(messageRoutes, { replies: parts.replies, messages: parts.messages })
  await app.register(mediaRoutes, { media: parts.media })
  await app.register(automaticMessageRoutes, { automaticMessages: parts.automaticMessages })
  await app.register(streamRoutes, { feed: parts.feed, places, audienceOf: listening(parts) })
}
