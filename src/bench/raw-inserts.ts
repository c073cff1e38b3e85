import pg from 'pg'

export interface InsertOrder {
  databaseUrl: string
  connections: number
  seconds: number
}

export interface InsertResult {
  committed: number
  seconds: number
  /** Milliseconds of each commit */
  each: number[]
}

const table = 'bench_rows'
// As long as a callback that the service stores
const body = 'x'.repeat(700)

/** Inserts rows of the length of a callback, one transaction each, from so many connections at once. */
export async function insertRows({ databaseUrl, connections, seconds }: InsertOrder): Promise<InsertResult> {
  const clients = Array.from(
    { length: connections },
    () => new pg.Client({ connectionString: databaseUrl, application_name: 'parley-bench' }),
  )
  await Promise.all(clients.map((client) => client.connect()))
  try {
    await clients[0]?.query(`CREATE TABLE ${table} (id bigserial PRIMARY KEY, body text NOT NULL)`)
    const each: number[] = []
    const started = performance.now()
    const deadline = started + seconds * 1000
    await Promise.all(
      clients.map(async (client) => {
        for (let before = performance.now(); before < deadline; before = performance.now()) {
          await client.query({ name: 'row', text: `INSERT INTO ${table} (body) VALUES ($1)`, values: [body] })
          each.push(performance.now() - before)
        }
      }),
    )
    const took = (performance.now() - started) / 1000
    await clients[0]?.query(`DROP TABLE ${table}`)
    return { committed: each.length, seconds: took, each }
  } finally {
    await Promise.all(clients.map((client) => client.end()))
  }
}
