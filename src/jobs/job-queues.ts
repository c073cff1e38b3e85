import { once } from 'node:events'
import {
  createPostgresBackend,
  createRedisBackend,
  type Job,
  PostgresConnection,
  Queue,
  Worker,
} from 'bullmq'
import { Redis } from 'ioredis'
import pg from 'pg'
import { idleAfter } from '../db/statements.js'
import { seconds } from '../lib/clock.js'
import { inTime } from '../lib/in-time.js'
import type { Logger } from '../lib/logger.js'

/** One BullMQ queue each: what a job says is "look at what is due for this organization". */
export const laneNames = ['inbound', 'routing', 'sending', 'media', 'timers', 'backfill', 'bulk'] as const
export type LaneName = (typeof laneNames)[number]

export interface Look {
  /** The process that looked here last ended over it, or stood still for long */
  afterCrash: boolean
}

/** Does what is due in one organization and answers when nothing more is. Safe to repeat, and to run twice at once. */
export type LaneHandler = (orgId: string, signal: AbortSignal, look: Look) => Promise<void>

export interface JobStore {
  databaseUrl: string
  /** Null: BullMQ runs on PostgreSQL */
  redisUrl: string | null
}

// How many organizations one process works on at once, per lane
const concurrency: Record<LaneName, number> = {
  inbound: 4,
  routing: 4,
  sending: 16,
  media: 4,
  timers: 2,
  backfill: 2,
  bulk: 2,
}

// A job whose worker was killed holds its organization's lane up: for the first, and then twice the second at most. A worker
// that was only slow has its job run twice, which is harmless
const lockDuration = seconds(5)
const stalledInterval = seconds(2)

const schema = 'bullmq'
/** How long a store that says nothing is waited for: whoever wakes a lane goes on, and the sweep repeats it */
const storePatience = seconds(2)

class StoreAway extends Error {
  override readonly name = 'StoreAway'

  constructor() {
    super('The job store does not answer.')
  }
}

/**
 * BullMQ as the alarm clock. A job carries an organization's id and no data; per lane and organization at most one is
 * under way and one waits (`keepLastIfActive`), so a flood costs no more jobs than a trickle. A lost job is harmless:
 * the sweep finds what is due.
 */
export class JobQueues {
  private readonly queues = new Map<LaneName, Queue>()
  private workers: Worker[] = []
  /** What this process is looking at just now, by lane and organization, and whether it must look once more */
  private readonly looking = new Map<string, 'once' | 'again'>()
  private readonly stopping = new AbortController()

  private constructor(
    private readonly backend: typeof createPostgresBackend | typeof createRedisBackend,
    private readonly connection: pg.Pool | Redis,
    private readonly log: Logger,
  ) {
    for (const name of laneNames) {
      const queue = new Queue(name, { connection: connection as never }, backend as never)
      queue.on('error', (error) => this.warn(error, name))
      this.queues.set(name, queue)
    }
  }

  /** Does not fail where Redis is away: what is woken meanwhile the sweep finds. */
  static async open({ databaseUrl, redisUrl }: JobStore, log: Logger): Promise<JobQueues> {
    if (redisUrl) {
      const redis = new Redis(redisUrl, { maxRetriesPerRequest: null, enableOfflineQueue: true })
      redis.on('error', (error) => log.warn({ err: error }, 'Redis is not reachable'))
      await inTime(once(redis, 'ready'), storePatience, () => new StoreAway()).catch(() => undefined)
      return new JobQueues(createRedisBackend, redis, log)
    }
    const migration = new PostgresConnection({ connectionString: databaseUrl, schema, migrate: true, max: 1 })
    await migration.waitUntilReady()
    await migration.close()
    const pool = new pg.Pool({
      connectionString: databaseUrl,
      options: `-c search_path=${schema}`,
      max: 24,
      idleTimeoutMillis: idleAfter,
      application_name: 'parley-jobs',
      keepAlive: true,
    })
    // Each queue and worker listens to it
    pool.setMaxListeners(0)
    pool.on('error', (error) => {
      if (!pool.ending) log.warn({ err: error }, 'job store is not reachable')
    })
    return new JobQueues(createPostgresBackend, pool, log)
  }

  /**
   * Makes sure that the lane looks at this organization after this moment. Where this process is just looking, it looks
   * once more instead of adding a job. Throws where the store is away: nothing is kept back for its return, the sweep asks
   * again.
   */
  async wake(lane: LaneName, orgId: string): Promise<void> {
    if (this.looking.has(`${lane} ${orgId}`)) {
      this.looking.set(`${lane} ${orgId}`, 'again')
      return
    }
    await this.ask(() =>
      this.queue(lane).add(
        lane,
        { orgId },
        { deduplication: { id: orgId, keepLastIfActive: true }, removeOnComplete: true, removeOnFail: true },
      ),
    )
  }

  /** Throws if the store does not answer at once. With PostgreSQL it is away when the database is. */
  async ping(): Promise<void> {
    const { connection } = this
    if (connection instanceof Redis) await this.ask(() => connection.ping())
  }

  private async ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    // ioredis would keep what is asked meanwhile in memory, without end
    if (this.connection instanceof Redis && this.connection.status !== 'ready') throw new StoreAway()
    return inTime(question(), storePatience, () => new StoreAway())
  }

  start(handlers: Record<LaneName, LaneHandler>): void {
    this.workers = laneNames.map((lane) => {
      const process = (job: Job<{ orgId: string }>) => this.look(lane, job, handlers[lane])
      const options = {
        connection: this.connection as never,
        concurrency: concurrency[lane],
        lockDuration,
        stalledInterval,
        maxStalledCount: 1000,
      }
      const worker = new Worker(lane, process, options, this.backend as never)
      worker.on('error', (error) => this.warn(error, lane))
      worker.on('failed', (job, error) =>
        this.log.error(
          { err: error, queue: lane, orgId: job?.data.orgId },
          'job failed, the sweep repeats it',
        ),
      )
      return worker
    })
  }

  /** While we stop, the store may go before the last connection to it has closed. */
  private warn(error: Error, queue: LaneName): void {
    if (!this.stopping.signal.aborted) this.log.warn({ err: error, queue }, 'job store is not reachable')
  }

  private async look(lane: LaneName, job: Job<{ orgId: string }>, handler: LaneHandler): Promise<void> {
    const { orgId } = job.data
    const key = `${lane} ${orgId}`
    try {
      do {
        this.looking.set(key, 'once')
        await handler(orgId, this.stopping.signal, { afterCrash: job.stalledCounter > 0 })
      } while (this.looking.get(key) === 'again' && !this.stopping.signal.aborted)
    } finally {
      this.looking.delete(key)
    }
  }

  /** Jobs that wait, per lane, for the metrics; none where the store is away. */
  async depths(): Promise<Record<string, number>> {
    const depth = async (lane: LaneName) =>
      [lane, await this.ask(() => this.queue(lane).getWaitingCount())] as const
    return Object.fromEntries(await Promise.all(laneNames.map(depth)).catch(() => []))
  }

  /** Lets the jobs under way finish. */
  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.all(this.workers.map((worker) => worker.close()))
    this.workers = []
  }

  async close(): Promise<void> {
    await this.stop()
    await Promise.all([...this.queues.values()].map((queue) => queue.close()))
    if (this.connection instanceof Redis) this.connection.disconnect()
    else await this.connection.end()
  }

  private queue(lane: LaneName): Queue {
    const queue = this.queues.get(lane)
    if (!queue) throw new Error(`There is no lane ${lane}`)
    return queue
  }
}
