import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, expect, inject, it } from 'vitest'
import { keptMessages } from '../support/ledger.js'
import { type OutageProxy, startOutageProxy } from '../support/outage-proxy.js'
import { eventually } from '../support/service.js'
import { runSql } from '../support/sql.js'
import { Load } from './load.js'
import { isLimited, replayable, say, secondsFor } from './plan.js'
import { openStage, type Stage } from './stage.js'

let proxy: OutageProxy
let stage: Stage

afterEach(async () => {
  await proxy.back()
  await stage.close()
}, 60_000)

const readiness = () =>
  fetch(`${stage.url}/readyz`).then(async (answer) => ({
    status: answer.status,
    body: (await answer.json()) as any,
  }))

/** Issue "Nothing lost", 2: half a minute without PostgreSQL, once with an answer and once without. */
it.each(isLimited ? (['cut'] as const) : (['cut', 'silence'] as const))(
  'PostgreSQL is away for 30 seconds under load (%s), and the service recovers by itself',
  async (how) => {
    stage = await openStage({
      through: async (databaseUrl) => {
        proxy = await startOutageProxy(databaseUrl)
        return proxy.url
      },
    })
    const load = await Load.begin(stage, replayable(`PostgreSQL away (${how})`))
    for (let times = 0; times < 3; times++) await load.goesOn()

    await proxy[how]()
    const meanwhile = await eventually(readiness, ({ status }) => status === 503)
    await pause(secondsFor(0.1, 30) * 1000)
    say(`PostgreSQL is back; ${load}`)
    await proxy.back()
    await eventually(readiness, ({ status }) => status === 200, 30_000)
    await load.goesOn()
    await load.end()
    await stage.settle()

    say(`at the end: ${load}`)
    expect(meanwhile.body.detail).toContain('the database is away')
    expect(load.check(await keptMessages(stage), stage.simulator.sent())).toEqual([])
  },
  300_000,
)

/** Issue "Nothing lost", 3. Where there is no Redis it is left out, which CI does not allow (test/support/redis.ts). */
it.runIf(inject('redisUrl'))(
  'Redis is wiped and goes away under load, and what is due is found within 30 seconds',
  async () => {
    const redis = new Redis(inject('redisUrl') ?? '')
    proxy = await startOutageProxy(inject('redisUrl') ?? '')
    stage = await openStage({ redisUrl: proxy.url })
    const random = replayable('Redis')
    const load = await Load.begin(stage, random)
    const deadline = performance.now() + secondsFor(0.1, 60) * 1000

    for (let turn = 1; performance.now() < deadline; turn++) {
      await load.goesOn()
      await redis.flushall()
      if (turn % 3 !== 0) continue
      await proxy.cut()
      await pause(random() * 4000)
      await proxy.back()
    }
    await load.end()
    await redis.flushall()
    await eventually(
      () => runSql(stage, 'SELECT 1 FROM inbox'),
      (pending) => pending.length === 0,
      30_000,
    )
    await stage.settle()
    await redis.quit()

    say(`at the end: ${load}`)
    expect(load.check(await keptMessages(stage), stage.simulator.sent())).toEqual([])
  },
  300_000,
)
