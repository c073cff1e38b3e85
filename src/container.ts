import { Connections } from './agents/connections.js'
import { PresenceService } from './agents/presence-service.js'
import { AgentService } from './agents/service.js'
import { ActiveTriggers } from './automatic-messages/active-triggers.js'
import { AutomaticMessageService } from './automatic-messages/service.js'
import { AutomaticSpeaker } from './automatic-messages/speaker.js'
import { BulkActionService } from './bulk-actions/service.js'
import { BulkActionWorker } from './bulk-actions/worker.js'
import { CapacityProfileService } from './capacity-profiles/service.js'
import { AccountSecrets } from './channels/account-secrets.js'
import { ChannelAccountService } from './channels/account-service.js'
import { BackfillService } from './channels/backfill-service.js'
import { CallbackIntake } from './channels/callback-intake.js'
import { InboxStats } from './channels/inbox-stats.js'
import { ChannelNumberService } from './channels/number-service.js'
import { QuarantineService } from './channels/quarantine-service.js'
import { ContactService } from './contacts/service.js'
import { Audiences } from './conversations/audience.js'
import { ConsultService } from './conversations/consult-service.js'
import { LiveBoard } from './conversations/live.js'
import { ConversationReader } from './conversations/reader.js'
import { ConversationService } from './conversations/service.js'
import { ConversationTimers } from './conversations/timers.js'
import { TransferService } from './conversations/transfer-service.js'
import { Database } from './db/database.js'
import { EventFeed } from './events/feed.js'
import { Relay } from './events/relay.js'
import { Signals } from './events/signals.js'
import { OperatingHoursService } from './hours/service.js'
import { createAuthenticate } from './identity/access.js'
import { ApiKeyService } from './identity/api-key-service.js'
import { AuditService } from './identity/audit-service.js'
import { OrganizationService } from './identity/organization-service.js'
import { Suspensions } from './identity/suspensions.js'
import { JobQueues, type LaneHandler, type LaneName } from './jobs/job-queues.js'
import { Retention } from './jobs/retention.js'
import { Sweep } from './jobs/sweep.js'
import { type Clock, systemClock } from './lib/clock.js'
import { createLogger } from './lib/logger.js'
import { type EncryptionKey, SecretBox } from './lib/secret-box.js'
import { MediaLinks } from './messages/media-links.js'
import { MediaService } from './messages/media-service.js'
import { MessageService } from './messages/message-service.js'
import { ReceiveService } from './messages/receive-service.js'
import { ReplyService } from './messages/reply-service.js'
import { SendService } from './messages/send-service.js'
import { Settlement } from './messages/settlement.js'
import { createMetrics } from './metrics.js'
import { NotificationTemplateService } from './notification-templates/service.js'
import { createProviders } from './providers/registry.js'
import { EmptyQueues } from './routing/empty-queues.js'
import { RoutingService } from './routing/service.js'
import { RoutingSettingsService } from './routing/settings-service.js'
import { WhyService } from './routing/why-service.js'
import { SkillService } from './skills/service.js'
import { SupervisionService } from './supervision/service.js'
import { SupervisionSettingsService } from './supervision/settings-service.js'
import { actOnSilence } from './timeouts/act.js'
import { TimeoutService } from './timeouts/service.js'
import { createBuiltIns } from './workstreams/built-ins.js'
import { QueueService } from './workstreams/queue-service.js'
import { RuleService } from './workstreams/rule-service.js'
import { WorkstreamService } from './workstreams/service.js'

/** What the service is made from. Nothing in here is read from the environment. */
export interface ServiceSettings {
  role: 'all' | 'api' | 'worker'
  databaseUrl: string
  redisUrl: string | null
  publicUrl: string
  platformApiKey: string
  encryptionKeys: readonly EncryptionKey[]
  twilioApiUrl: string | null
  telesignApiUrl: string | null
  rateLimit: boolean
  /** Addresses of the proxies in front of it whose X-Forwarded-For is believed */
  trustProxy: string | null
  /** How much may be under way at once in this process; the rest is refused */
  mostAtOnce?: { callbacks: number; calls: number; streams: number; streamsOfOrganization: number }
  logLevel: string
  /** Takes each line of the log; standard output where it is absent */
  logTo?: { write(line: string): void }
  clock?: Clock
}

export type Container = Awaited<ReturnType<typeof createContainer>>

const poolSize = 20

/** Builds every part, in order. `start` sets them to work, `stop` lets them finish, in reverse. */
export async function createContainer(settings: ServiceSettings) {
  const clock = settings.clock ?? systemClock
  const log = createLogger(settings.logLevel, settings.logTo)
  const db = new Database({
    url: settings.databaseUrl,
    poolSize,
    onPoolError: (error) => log.warn({ err: error }, 'a database connection was lost'),
  })
  const signals = new Signals(db, log)
  const jobs = await JobQueues.open(settings, log)
  const providers = createProviders(settings)
  const secretBox = new SecretBox(settings.encryptionKeys)
  const secrets = new AccountSecrets(secretBox, settings.publicUrl)
  const links = new MediaLinks(settings.publicUrl, settings.encryptionKeys, clock)

  const organizations = new OrganizationService(db, clock, createBuiltIns)
  const apiKeys = new ApiKeyService(db, clock)
  const audit = new AuditService(db)
  const contacts = new ContactService(db, clock)
  const conversations = new ConversationService(db, clock)
  const agents = new AgentService(db, clock, conversations.giveBackOffers)
  const connections = new Connections({ db, clock, log, giveBackOffers: conversations.giveBackOffers })
  const presence = new PresenceService(db, clock)
  const capacityProfiles = new CapacityProfileService(db, clock)
  const hours = new OperatingHoursService(db, clock)
  const notificationTemplates = new NotificationTemplateService(db, clock)
  const timeouts = new TimeoutService(db, clock)
  const skills = new SkillService(db, clock)
  const queues = new QueueService(db, clock)
  const workstreams = new WorkstreamService(db, clock)
  const rules = new RuleService(db, clock)
  const accounts = new ChannelAccountService({
    db,
    clock,
    providers,
    secretBox,
    publicUrl: settings.publicUrl,
  })
  const numbers = new ChannelNumberService(db, clock)
  const quarantine = new QuarantineService({ db, clock, jobs, providers })
  const fromProviders = { db, clock, jobs, providers, secretBox, publicUrl: settings.publicUrl, log }
  const intake = new CallbackIntake(fromProviders)
  const backfill = new BackfillService(fromProviders)
  const transfers = new TransferService(db, clock, conversations)
  const consults = new ConsultService(db, clock)
  const supervision = new SupervisionService(db, clock, conversations)
  const bulkActions = new BulkActionService(db, clock)
  const bulkWork = new BulkActionWorker({ db, clock, log, conversations, supervision })
  const supervisionSettings = new SupervisionSettingsService(db, clock)
  const reader = new ConversationReader(db, clock)
  const live = new LiveBoard(db, clock)
  const replies = new ReplyService(db, clock)
  const messages = new MessageService(db, clock)
  const media = new MediaService({ db, clock, providers, secrets, links, log })

  const activeTriggers = new ActiveTriggers()
  const automaticMessages = new AutomaticMessageService(db, clock, activeTriggers)
  db.beforeCommit = new AutomaticSpeaker(clock, activeTriggers).follow

  const receiving = new ReceiveService({ db, clock, providers, log, isPressed: () => intake.isPressed })
  const routing = new RoutingService(db, clock, log, () => receiving.isFlood)
  const why = new WhyService(db, clock)
  const routingSettings = new RoutingSettingsService(db, clock)
  const timers = new ConversationTimers({ db, clock, conversations, actOnSilence, log })
  const settlement = new Settlement({ db, clock, providers, secrets, log })
  const sending = new SendService({ db, clock, providers, secrets, links, log }, settlement)

  const sweep = new Sweep({ db, jobs, clock, log })
  const retention = new Retention({ db, clock, log })
  const feed = new EventFeed({ db, signals, log })
  const relay = new Relay({ db, clock, jobs, signals, feed, log })
  db.tellOthers = relay.tellOthers
  const audiences = new Audiences({ db, clock, log })
  const registry = createMetrics({
    jobs,
    feed,
    receiving,
    inbox: new InboxStats(db, clock),
    emptyQueues: new EmptyQueues(db),
    lanes: { routing, timers, media, sending, settlement, bulk: bulkWork, events: relay },
  })
  const health = {
    assertReady: () => db.ping(),
    assertWhole: () => jobs.ping(),
    metrics: () => registry.metrics(),
  }
  const authenticate = createAuthenticate({ db, clock, platformApiKey: settings.platformApiKey })

  const suspensions = new Suspensions(db)
  const handlers: Record<LaneName, LaneHandler> = {
    inbound: unlessSuspended((orgId, signal, look) => receiving.drain(orgId, signal, look)),
    routing: unlessSuspended((orgId, signal) => routing.drain(orgId, signal)),
    sending: unlessSuspended((orgId) => sending.drain(orgId)),
    media: unlessSuspended((orgId, signal) => media.drain(orgId, signal)),
    timers: unlessSuspended(async (orgId, signal) => {
      await connections.review(orgId)
      await timers.drain(orgId, signal)
    }),
    backfill: unlessSuspended((orgId, signal) => backfill.drain(orgId, signal)),
    bulk: unlessSuspended((orgId, signal) => bulkWork.drain(orgId, signal)),
  }

  /** What came for a suspended organization is kept, and worked when it returns. */
  function unlessSuspended(handler: LaneHandler): LaneHandler {
    return async (orgId, signal, look) => {
      if (!(await suspensions.has(orgId))) await handler(orgId, signal, look)
    }
  }

  async function start(): Promise<void> {
    await signals.open()
    feed.start()
    await backfill.begin()
    if (settings.role === 'api') return
    jobs.start(handlers)
    relay.start()
    sweep.start()
    retention.start()
  }

  /** Lets what is under way finish. The relay goes after the jobs, whose last events it publishes. */
  async function stop(): Promise<void> {
    await retention.stop()
    await sweep.stop()
    await jobs.stop()
    await sending.finish()
    await relay.stop()
    await feed.stop()
    await connections.stop()
    await signals.close()
    await jobs.close()
    await db.close()
  }

  return {
    settings,
    clock,
    log,
    db,
    jobs,
    providers,
    organizations,
    apiKeys,
    audit,
    contacts,
    agents,
    connections,
    timers,
    presence,
    capacityProfiles,
    hours,
    skills,
    queues,
    workstreams,
    rules,
    routingSettings,
    notificationTemplates,
    timeouts,
    why,
    accounts,
    numbers,
    quarantine,
    backfill,
    intake,
    conversations,
    transfers,
    consults,
    supervision,
    bulkActions,
    supervisionSettings,
    reader,
    live,
    replies,
    messages,
    media,
    automaticMessages,
    feed,
    audiences,
    health,
    authenticate,
    start,
    stop,
  }
}
