import { Database } from '../db/database.js'
import { systemClock } from '../lib/clock.js'
import { createLogger } from '../lib/logger.js'
import { RoutingService } from '../routing/service.js'
import { agentsOfBacklog, countWaiting, loadBacklog } from './backlog-rows.js'
import type { Measured } from './figures.js'
import type { Stage } from './stage.js'
import { percentile } from './statistics.js'

const waiting = 20_000
const warmUp = 20
const freedTogether = 100

/**
 * Routing alone, driven from here: 500 agents, all of them full, in 50 queues with 20,000 waiting conversations. One agent
 * after another gets room for one more, and a pass finds out and offers it; in turn with an organization that has half the
 * backlog, so that both meet the same machine. The time of the database is what it counts itself, commits and whatever the
 * service does meanwhile included. Then as many offers as a pass after the other can make.
 *
 * The service itself leaves the organizations alone: they are suspended.
 */
export async function measureAssignment(stage: Stage, seconds: number): Promise<Measured[]> {
  const { database, say, rest } = stage
  say('Assignment: 500 agents in 50 queues …')
  const whole = await loadBacklog(database, waiting)
  const half = await loadBacklog(database, waiting / 2)
  await rest()
  const before = await activeTime(database)
  const count = Math.max(100, Math.ceil(seconds * 25))
  const took = await withRouting(stage, (pass) => eachAlone(database, { whole, half, count, pass }))
  const perOffer = ((await activeTime(database)) - before) / (2 * (warmUp + count))
  const [ofWhole, ofHalf] = [percentile(took.whole, 0.5), percentile(took.half, 0.5)]
  say(`  one offer: ${perOffer.toFixed(1)} ms of the database, ${ofWhole.toFixed(1)} ms in all`)
  await rest()
  const offers = await withRouting(stage, (pass) => flood(database, whole, { seconds, pass }))
  say(`  offers: ${Math.round(offers)} /s`)
  const detail = { passP50: ofWhole, passP99: percentile(took.whole, 0.99) }
  return [
    { name: 'assignment', value: perOffer, detail },
    { name: 'assignment_half', value: ofHalf, limit: { name: 'with all', value: ofWhole } },
    { name: 'offers', value: offers },
  ]
}

type Pass = (orgId: string) => Promise<void>
type Sql = Stage['database']

/** Its connections end with it, and so the database has counted what they did. */
async function withRouting<Result>(
  { databaseUrl, say }: Stage,
  work: (pass: Pass) => Promise<Result>,
): Promise<Result> {
  const onPoolError = (error: Error) => say(`A connection was lost: ${error.message}`)
  const db = new Database({ url: databaseUrl, poolSize: 1, onPoolError })
  const routing = new RoutingService(db, systemClock, createLogger('warn'))
  try {
    return await work((orgId) => routing.drain(orgId, new AbortController().signal))
  } finally {
    await db.close()
  }
}

/** Milliseconds that the database has spent in statements. */
async function activeTime(database: Sql): Promise<number> {
  const { rows } = await database.query<{ ms: number }>(
    'SELECT active_time AS ms FROM pg_stat_database WHERE datname = current_database()',
  )
  return rows[0]?.ms ?? Number.NaN
}

/** How long each of so many passes takes that has one offer to make. */
async function eachAlone(
  database: Sql,
  { whole, half, count, pass }: { whole: string; half: string; count: number; pass: Pass },
): Promise<{ whole: number[]; half: number[] }> {
  const took: { whole: number[]; half: number[] } = { whole: [], half: [] }
  for (let n = 0; n < warmUp + count; n++) {
    took.whole.push(await timed(database, { orgId: whole, pass, place: n * 37 }))
    took.half.push(await timed(database, { orgId: half, pass, place: n * 37 }))
  }
  return { whole: took.whole.slice(warmUp), half: took.half.slice(warmUp) }
}

async function timed(
  database: Sql,
  { orgId, pass, place }: { orgId: string; pass: Pass; place: number },
): Promise<number> {
  await makeRoom(database, orgId, { agents: 1, place })
  const began = performance.now()
  await pass(orgId)
  const took = performance.now() - began
  await assertFull(database, orgId)
  return took
}

/** Offers a second while agents come free all the time. */
async function flood(
  database: Sql,
  orgId: string,
  { seconds, pass }: { seconds: number; pass: Pass },
): Promise<number> {
  let offers = 0
  let took = 0
  for (let n = 0; took < seconds * 1000 && (await countWaiting(database, orgId)) > freedTogether; n++) {
    await makeRoom(database, orgId, { agents: freedTogether, place: n * freedTogether })
    const began = performance.now()
    await pass(orgId)
    took += performance.now() - began
    offers += freedTogether
  }
  await assertFull(database, orgId)
  return (offers / took) * 1000
}

/** So many agents have finished something, as far as capacity knows. */
async function makeRoom(
  database: Sql,
  orgId: string,
  { agents, place }: { agents: number; place: number },
): Promise<void> {
  await database.query(
    `UPDATE agents SET used_units = used_units - 1, open_sessions = open_sessions - 1 WHERE org_id = $1 AND id IN (
       SELECT id FROM agents WHERE org_id = $1 ORDER BY id OFFSET $2 LIMIT $3)`,
    [orgId, place % (agentsOfBacklog - agents + 1), agents],
  )
}

/** Every offer was made, so what was measured was work. */
async function assertFull(database: Sql, orgId: string): Promise<void> {
  const { rows } = await database.query<{ free: string }>(
    'SELECT count(*) AS free FROM agents WHERE org_id = $1 AND used_units < capacity_units',
    [orgId],
  )
  if (rows[0]?.free !== '0') throw new Error(`${rows[0]?.free} agents were offered nothing.`)
}
