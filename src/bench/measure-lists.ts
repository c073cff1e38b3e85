import { randomBytes } from 'node:crypto'
import { sha256 } from '../lib/tokens.js'
import type { Measured } from './figures.js'
import { inTurn } from './rounds.js'
import { Connections } from './sockets.js'
import type { Stage } from './stage.js'
import { percentile } from './statistics.js'
import { serialize } from './wire.js'

/** After it a process of Node.js is as fast as it gets */
const warmUpSeconds = 3
const rounds = 3

/** Each list of conversations, as the one who may see it; a page has 50. */
const lists = [
  { as: 'admin', query: 'view=all' },
  { as: 'admin', query: 'view=all&sort=activity' },
  { as: 'admin', query: 'view=all&status=waiting' },
  { as: 'agent', query: 'view=mine' },
  { as: 'agent', query: 'view=open' },
  { as: 'agent', query: 'view=open&sort=activity' },
  { as: 'agent', query: 'view=closed_today' },
  { as: 'agent', query: '' },
  { as: 'agent', query: 'sort=activity' },
] as const

/** The slowest view's p99 (of each view the median of three), in the largest organization, one call after another. */
export async function measureLists(stage: Stage, seconds: number): Promise<Measured> {
  const { service, say } = stage
  const keys = await keysOfLargest(stage)
  const perList = Math.max(100, Math.ceil(seconds * 40))
  const connections = await Connections.open(service.port, 1)
  const [connection] = connections.each
  if (!connection) throw new Error('There is no connection.')
  const call = (request: Buffer) =>
    new Promise<number>((resolve, reject) => {
      const began = performance.now()
      connection.send(
        request,
        ({ status, body }) => {
          if (status === 200) resolve(performance.now() - began)
          else reject(new Error(`A list was answered ${status}: ${body.slice(0, 500)}`))
        },
        reject,
      )
    })
  try {
    const requests = lists.map(({ as, query }) => {
      const path = `/v1/conversations?limit=50&${query}`
      const headers = { authorization: `Bearer ${keys[as]}` }
      const request = serialize({ method: 'GET', path, host: '127.0.0.1', headers, body: '' })
      return { name: `${as} ${query}`, request }
    })
    const warm = performance.now() + warmUpSeconds * 1000
    while (performance.now() < warm) for (const { request } of requests) await call(request)
    const measure = async ({ name, request }: { name: string; request: Buffer }): Promise<Measured[]> => {
      const each: number[] = []
      for (let n = 0; n < perList; n++) each.push(await call(request))
      const [p50, p99] = [percentile(each, 0.5), percentile(each, 0.99)]
      say(`  ${name}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`)
      return [{ name: 'list_p99', value: p99 }]
    }
    const p99s = (await inTurn(requests, measure, rounds)).map(([median]) => median?.value ?? Number.NaN)
    const detail = Object.fromEntries(requests.map(({ name }, index) => [name, p99s[index] ?? Number.NaN]))
    return { name: 'list_p99', value: Math.max(...p99s), detail }
  } finally {
    connections.close()
  }
}

/** Keys made behind the API: nobody was there when the organization was loaded. */
async function keysOfLargest({ database }: Stage): Promise<{ admin: string; agent: string }> {
  const { rows } = await database.query<{ orgId: string; agentId: string }>(`
    SELECT c.org_id AS "orgId", c.agent_id AS "agentId" FROM conversations c
    WHERE c.agent_id IS NOT NULL GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1`)
  const [largest] = rows
  if (!largest) throw new Error('No agent has a conversation.')
  const issue = async (role: 'admin' | 'agent', agentId: string | null) => {
    const key = `parley_key_${randomBytes(32).toString('base64url')}`
    await database.query(
      `INSERT INTO access_keys (org_id, id, kind, name, role, agent_id, prefix, hash, created_at)
       VALUES ($1, gen_random_uuid(), 'api_key', 'Bench', $2, $3, $4, $5, clock_timestamp())`,
      [largest.orgId, role, agentId, key.slice(0, 16), sha256(key)],
    )
    return key
  }
  return { admin: await issue('admin', null), agent: await issue('agent', largest.agentId) }
}
