import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { Redis } from 'ioredis'
import { AppError } from '../lib/errors.js'
import type { Logger } from '../lib/logger.js'

export interface RateLimits {
  /** Counts a call of whoever made it; throws `rate_limited` where it is one too many. */
  admit(request: FastifyRequest, reply: FastifyReply): Promise<void>
  /**
   * Counts a call with a key, token or callback URL that nobody has. Throws `rate_limited` for an address that guesses
   * at them. A right one is served from there all the same: others may call from the same address.
   */
  countGuess(request: FastifyRequest): Promise<void>
}

const defaultsPerMinute = { organization: 24_000, key: 6_000 }
const guessesPerMinute = 300

type Create = FastifyInstance['createRateLimit']
type Options = Parameters<Create>[0]
type Counter = ReturnType<Create>
type Count = Extract<Awaited<ReturnType<Counter>>, { isAllowed: false }>

/** @param redisUrl where several processes count together; null: each counts for itself */
export async function createRateLimits(
  app: FastifyInstance,
  redisUrl: string | null,
  log: Logger,
): Promise<RateLimits> {
  const counterOf = await openCounters(app, redisUrl, log)
  const ofKey = counterOf({
    keyGenerator: ({ caller }) => (caller?.kind === 'organization' ? `key ${caller.keyId}` : 'platform key'),
    max: ({ caller }) =>
      (caller?.kind === 'organization' && caller.requestsPerMinute?.key) || defaultsPerMinute.key,
  })
  const ofOrganization = counterOf({
    keyGenerator: ({ caller }) => `organization ${caller?.kind === 'organization' && caller.orgId}`,
    max: ({ caller }) =>
      (caller?.kind === 'organization' && caller.requestsPerMinute?.organization) ||
      defaultsPerMinute.organization,
  })
  // By address; of IPv6 by /64, which is what one subscriber gets
  const guesses = counterOf({ max: guessesPerMinute })
  return {
    async admit(request, reply) {
      const key = await ofKey(request)
      // What a key may not is not counted against the others of its organization
      const isOfAll = request.caller?.kind === 'organization' && !key.isExceeded
      const all = isOfAll ? await ofOrganization(request) : key
      const closer = all.isExceeded || all.remaining < key.remaining ? all : key
      tell(reply, closer)
      if (key.isExceeded) throw tooMany(key, 'This key or token has made')
      if (all.isExceeded) throw tooMany(all, 'The keys and tokens of this organization have made')
    },
    async countGuess(request) {
      const count = await guesses(request)
      if (count.isExceeded)
        throw tooMany(count, 'This address has, with keys or tokens that nobody has, made')
    },
  }
}

/** draft-ietf-httpapi-ratelimit-headers, in the form of three headers: of the limit that is reached first. */
function tell(reply: FastifyReply, { max, remaining, ttlInSeconds }: Count): void {
  reply.headers({
    'ratelimit-limit': max,
    'ratelimit-remaining': remaining,
    'ratelimit-reset': ttlInSeconds,
  })
}

const tooMany = ({ max, ttlInSeconds }: Count, who: string): AppError =>
  new AppError('rate_limited', `${who} more than ${max} calls in a minute. Repeat this call later.`, {
    retryAfter: Math.max(1, ttlInSeconds),
  })

const answerWithinMs = 200
const awayForMs = 1000

/** Makes counters. While Redis is away each process counts for itself: a limit is no reason to refuse anybody. */
async function openCounters(
  app: FastifyInstance,
  redisUrl: string | null,
  log: Logger,
): Promise<(options: Options) => (request: FastifyRequest) => Promise<Count>> {
  const createLocal = await openStore(app, null)
  const redis = redisUrl === null ? null : connect(app, redisUrl, log)
  const createShared = redis && (await openStore(app, redis))
  let awayUntil = 0
  return (options) => {
    const local = createLocal({ timeWindow: '1 minute', ...options })
    const shared = createShared?.({ timeWindow: '1 minute', ...options })
    return async (request) => {
      if (shared && performance.now() >= awayUntil) {
        try {
          return (await shared(request)) as Count
        } catch {
          awayUntil = performance.now() + awayForMs
        }
      }
      return (await local(request)) as Count
    }
  }
}

/** The plugin keeps one store, so each store has a scope of its own. */
async function openStore(app: FastifyInstance, redis: Redis | null): Promise<Create> {
  let create: Create | undefined
  const plugin: FastifyPluginAsync = async (scope) => {
    await scope.register(rateLimit, { global: false, redis, nameSpace: 'parley-calls-' })
    create = scope.createRateLimit
  }
  await app.register(plugin)
  if (!create) throw new Error('@fastify/rate-limit has no createRateLimit.')
  return create
}

/** Answers at once or not at all: no call may wait for a count. */
function connect(app: FastifyInstance, url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: answerWithinMs,
  })
  redis.on('error', (error) =>
    log.debug({ err: error }, 'Redis is not reachable, calls are counted per process'),
  )
  app.addHook('onClose', async () => redis.disconnect())
  return redis
}
