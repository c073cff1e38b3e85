import pg from 'pg'
import { onTestFinished } from 'vitest'
import type { TestService } from './service.js'

type Place = Pick<TestService, 'databaseUrl'>

/** One statement as the owner of the database, whom no policy binds: to look behind the API, or to break something. */
export async function runSql<Row extends pg.QueryResultRow>(
  { databaseUrl }: Place,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = await openSql({ databaseUrl })
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}

/** A connection of one's own, for a transaction that is to stay open. */
export async function openSql({ databaseUrl }: Place): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  return client
}

/** As while another process publishes: what happens in `work` is left to the relay. */
export async function whileAnotherPublishes<Result>(
  place: Place,
  work: () => Promise<Result>,
): Promise<Result> {
  const other = await openSql(place)
  try {
    await other.query('BEGIN; SELECT FROM relay FOR UPDATE')
    return await work()
  } finally {
    await other.end()
  }
}

/** Nobody gets at the table until it is given back, or the test ends. */
export async function holdTable(service: TestService, table: string): Promise<() => Promise<void>> {
  const client = await openSql(service)
  await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
  let isHeld = true
  const giveBack = async () => {
    if (isHeld) await client.end()
    isHeld = false
  }
  onTestFinished(giveBack)
  return giveBack
}
