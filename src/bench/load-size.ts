import type pg from 'pg'
import { type CopiedTable, copiedTables, prepareOrganizations, settleAccounts } from './size-rows.js'

/** How much is loaded; ten messages a conversation. */
export const sizes = {
  full: { organizations: 1000, conversations: 500_000 },
  small: { organizations: 20, conversations: 2_000 },
} as const
export type SizeName = keyof typeof sizes

export interface Size {
  organizations: number
  conversations: number
}

interface LoadOrder {
  /** As a superuser, who passes row-level security and may write files on the server */
  database: pg.Client
  size: Size
  /** An organization with an SMS number, which gets a tenth of everything; null makes one */
  organizationId: string | null
  say: (line: string) => void
}

const organizationsAtOnce = 100

/**
 * Loads the data set: the database makes the rows, writes them to a file of its own and takes them in with COPY. Tells how
 * far it is, and leaves statistics and visibility as a database has them that has grown to this size.
 */
export async function loadSize({ database, size, organizationId, say }: LoadOrder): Promise<void> {
  const { organizations, conversations } = size
  const began = performance.now()
  say(
    `Loading ${count(conversations * 10)} messages and ${count(conversations)} conversations in ${count(organizations)} organizations …`,
  )
  // The rows fit each other by how they are made: foreign keys need not be looked up five million times
  await database.query('SET session_replication_role = replica; SET synchronous_commit = off')
  await database.query(prepareOrganizations(organizations, conversations, organizationId))
  for (let first = 0; first < organizations; first = nextAfter(first)) {
    const last = Math.min(nextAfter(first), organizations) - 1
    await database.query(`SET size.first = ${first}; SET size.last = ${last}`)
    for (const table of copiedTables) await copy(database, table)
    say(`  ${last + 1} organizations after ${Math.round((performance.now() - began) / 1000)} s`)
  }
  await database.query(settleAccounts)
  await database.query('RESET session_replication_role; RESET synchronous_commit')
  await database.query('DROP TABLE size_organizations, size_moments CASCADE')
  await database.query('VACUUM ANALYZE')
  await database.query(`COMMENT ON TABLE messages IS '${noteOf(size)}'`)
  say(`  all of it, vacuumed, after ${Math.round((performance.now() - began) / 1000)} s`)
}

/** Whether an earlier run has loaded all of it. */
export async function isLoaded(database: pg.Client, size: Size): Promise<boolean> {
  const { rows } = await database.query<{ note: string | null }>(
    `SELECT obj_description('messages'::regclass) AS note`,
  )
  return rows[0]?.note === noteOf(size)
}

const noteOf = ({ organizations, conversations }: Size): string =>
  `loaded: ${organizations} organizations, ${conversations} conversations`

/** The first has as much as a hundred others. */
const nextAfter = (place: number): number => (place === 0 ? 1 : place + organizationsAtOnce)

async function copy(database: pg.Client, { table, columns, from }: CopiedTable): Promise<void> {
  const { rows } = await database.query<{ file: string }>(
    `SELECT quote_literal(current_setting('data_directory') || '/size.rows') AS file`,
  )
  const file = rows[0]?.file
  await database.query(`COPY (SELECT ${Object.values(columns).join(', ')} FROM ${from}) TO ${file}`)
  await database.query(`COPY ${table} (${Object.keys(columns).join(', ')}) FROM ${file}`)
  await database.query(`COPY (SELECT) TO ${file}`)
}

const count = (value: number): string => value.toLocaleString('en-US')
