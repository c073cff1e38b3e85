import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

export type TestDatabase = {
  /** As the owner of the schema. */
  url: string
  /** Removes it, with the connections that are still open. */
  drop: () => Promise<void>
}

/** An empty database with every migration applied, cloned in some 50 ms. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return await createDatabaseFrom('parley_template')
}

/** A database without any table. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return await createDatabaseFrom('template0')
}

async function createDatabaseFrom(template: string): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await onServer(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = name
  return { url: url.href, drop: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
