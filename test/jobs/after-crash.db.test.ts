import { createPostgresBackend, createRedisBackend, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LaneHandler, LaneName, Look } from '../../src/jobs/job-queues.js'
import { eventually, redisDatabase, startService, type TestService } from '../support/service.js'

const redisUrl = redisDatabase(4)
const stores = [['PostgreSQL', null] as const, ...(redisUrl ? [['Redis', redisUrl] as const] : [])]

describe.each(stores)('with BullMQ on %s', (_name, redis) => {
  let service: TestService

  beforeAll(async () => {
    service = await startService({ redisUrl: redis, idle: true })
  })
  afterAll(() => service.close())

  it('a lane is told that the one who looked before it has died', async () => {
    const { databaseUrl } = service
    const jobs = service.parts.jobs
    await jobs.wake('inbound', 'organization')
    await takeAndDie({ databaseUrl, redis })
    const looks: Look[] = []
    const idle: LaneHandler = async () => undefined
    const handlers: Record<LaneName, LaneHandler> = {
      inbound: async (_orgId, _signal, look) => void looks.push(look),
      routing: idle,
      sending: idle,
      media: idle,
      timers: idle,
      backfill: idle,
      bulk: idle,
    }

    jobs.start(handlers)
    await eventually(
      async () => looks.length,
      (count) => count === 1,
      40_000,
    )
    await jobs.wake('inbound', 'organization')
    await eventually(
      async () => looks.length,
      (count) => count === 2,
    )

    expect(looks.map(({ afterCrash }) => afterCrash)).toEqual([true, false])
  }, 60_000)
})

/** A worker takes the job and is gone, without a word to anybody. */
async function takeAndDie({
  databaseUrl,
  redis,
}: {
  databaseUrl: string
  redis: string | null
}): Promise<void> {
  const connection = redis
    ? new Redis(redis, { maxRetriesPerRequest: null })
    : new pg.Pool({ connectionString: databaseUrl, options: '-c search_path=bullmq' })
  const backend = redis ? createRedisBackend : createPostgresBackend
  let hasTaken: () => void = () => undefined
  const taken = new Promise<void>((resolve) => {
    hasTaken = resolve
  })
  const never = async () => {
    hasTaken()
    await new Promise(() => undefined)
  }
  const options = { connection: connection as never, lockDuration: 1000, stalledInterval: 1000 }
  const worker = new Worker('inbound', never, options, backend as never)
  await taken
  await worker.close(true)
  if (connection instanceof Redis) connection.disconnect()
  else await connection.end()
}
