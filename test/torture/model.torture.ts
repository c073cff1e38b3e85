import { afterEach, it } from 'vitest'
import { runModel } from '../model/run.js'
import { Ground } from '../model/world.js'
import { redisDatabase } from '../support/service.js'

/** Issue "Work distribution", shown by: 10,000 random steps; two processes, each api and worker, on either job store. */
const steps = Number(process.env['TORTURE_STEPS'] ?? 5000)
const redisUrl = redisDatabase(6)
const stores = [['PostgreSQL', null] as const, ...(redisUrl ? [['Redis', redisUrl] as const] : [])]
let ground: Ground

afterEach(() => ground?.close(), 60_000)

it.each(stores)(
  'what must always hold holds after each of thousands of steps, BullMQ on %s',
  async (_name, redis) => {
    ground = await Ground.open({ redisUrl: redis, processes: 2 })

    await runModel(ground, { steps, most: 250 })
  },
  3_600_000,
)
