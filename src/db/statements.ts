import type { Socket } from 'node:net'
import pg from 'pg'
import { minutes, seconds } from '../lib/clock.js'
import type { Prisma } from './generated/client.js'

export interface PoolOptions {
  url: string
  onPoolError(error: Error): void
}

// Every query has its index. A new database has no statistics, and plans that are made while a table is empty are kept:
// without this they would go on reading whole tables when these have grown. And a plan is for any organization: of one that
// came after the last ANALYZE PostgreSQL believes that it has no rows, and would read all of them (docs/decisions/0014).
const indexesFirst = '-c enable_seqscan=off -c plan_cache_mode=force_generic_plan'

// What a statement may take, and how long a transaction may stand still: a process that hangs, or a statement that never
// ends, would hold its locks for ever and stop a whole lane of an organization, in every process
const timeLimits = '-c statement_timeout=25s -c idle_in_transaction_session_timeout=60s'

/** For a free connection, or a new one */
const connectionPatience = seconds(10)
/**
 * A pool hands out the connection that came back last. Those at the bottom are needed every few seconds, and a new one
 * takes its log-in and makes all its plans anew: some 40 ms, at the worst moment
 */
export const idleAfter = minutes(1)
/** Statements end before: one that is silent for so long is waited for in vain */
const longestSilence = seconds(30)

export function openPool({ url, onPoolError }: PoolOptions, role: string, max: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: 'parley',
    options: `-c role=${role} ${indexesFirst} ${timeLimits}`,
    pipeline: true,
    types: { getTypeParser },
    connectionTimeoutMillis: connectionPatience,
    idleTimeoutMillis: idleAfter,
  })
  // A connection that the server ends while we close it anyway is none that was lost
  pool.on('error', (error) => {
    if (!pool.ending) onPoolError(error)
  })
  // A database that went away without a word (its machine, the network) would be waited for without end
  pool.on('connect', (client) =>
    socketOf(client).on('timeout', () =>
      socketOf(client).destroy(new Error('Connection terminated: the database did not answer')),
    ),
  )
  pool.on('acquire', (client) => void socketOf(client).setTimeout(longestSilence))
  pool.on('release', (_error, client) => void socketOf(client).setTimeout(0))
  return pool
}

const socketOf = ({ connection }: pg.PoolClient) => connection.stream as Socket

const bigintType = 20
const getTypeParser: typeof pg.types.getTypeParser = (type: number, format?: 'text' | 'binary') =>
  type === bigintType ? BigInt : pg.types.getTypeParser(type, format as 'text')

/** The rows that one statement answers. */
export async function ask<Row>(on: pg.Pool | pg.PoolClient, query: Prisma.Sql): Promise<Row[]> {
  return (await send(on, query)).rows as Row[]
}

/** Answers how many rows one statement changed. */
export async function tell(on: pg.PoolClient, query: Prisma.Sql): Promise<number> {
  return (await send(on, query)).rowCount ?? 0
}

export function send(on: pg.Pool | pg.PoolClient, { text, values }: Prisma.Sql): Promise<pg.QueryResult> {
  if (on instanceof pg.Client) sendTogether(on)
  return on.query({ name: nameOf(text), text, values })
}

/** Everything that is sent on a connection in one moment leaves with one system call, and wakes the server once. */
function sendTogether(client: pg.Client): void {
  const { stream } = client.connection
  stream.cork()
  process.nextTick(() => stream.uncork())
}

// As Prisma names tables
const schema = '"public".'

/** The name of a table for a statement whose text varies. */
export const neverPrepared = (table: string): string => `${schema}${table}`

const statementNames = new Map<string, string>()
const mostNames = 300

/**
 * Statements that are written by hand are few, and their texts hardly vary: each connection keeps them prepared, under
 * this name. Those that Prisma writes vary with their arguments, and are not kept; nor are those of `neverPrepared`.
 */
export function nameOf(text: string): string | undefined {
  const known = statementNames.get(text)
  if (known || text.includes(schema) || statementNames.size === mostNames) return known
  const name = `parley_${statementNames.size}`
  statementNames.set(text, name)
  return name
}
