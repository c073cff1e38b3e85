import type pg from 'pg'
import { Prisma } from './generated/client.js'
import { send, tell } from './statements.js'

/** What is left to be answered when the work is done; it leaves together with the COMMIT. */
export interface Done<Result> {
  result: Result
  unanswered: readonly (Promise<unknown> | null)[]
}

const begin = Prisma.sql`BEGIN`
const commit = Prisma.sql`COMMIT`
const rollback = Prisma.sql`ROLLBACK`

/**
 * One transaction on a connection of the pool. Nobody waits for the answer to BEGIN, which leaves with the first
 * statement, nor for that of the last statement before COMMIT leaves too. Throws what the work throws, and where
 * PostgreSQL rolls back at the end, because a statement had failed: nothing is done then.
 */
export async function inTransaction<Result>(
  pool: pg.Pool,
  work: (connection: pg.PoolClient) => Promise<Done<Result>>,
): Promise<Result> {
  const connection = await pool.connect()
  connection.on('error', heard)
  let broken: Error | undefined
  try {
    const begun = unheard(tell(connection, begin))
    const { result, unanswered } = await work(connection)
    const ended = unheard(send(connection, commit))
    await Promise.all([begun, ...unanswered])
    if ((await ended).command !== 'COMMIT') throw new Error('A statement had failed, and nothing was kept')
    return result
  } catch (error) {
    await tell(connection, rollback).catch((fault: Error) => {
      broken = fault
    })
    throw error
  } finally {
    connection.off('error', heard)
    connection.release(broken)
  }
}

/** A connection that breaks also fails its statements; without a listener it would end the process. */
const heard = () => undefined

/** Its fault is asked for later, or not at all where another one came first. */
export function unheard<Answer>(answer: Promise<Answer>): Promise<Answer> {
  answer.catch(heard)
  return answer
}
