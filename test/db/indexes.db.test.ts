import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService
let indexes: { name: string; keyTypes: string[]; isUnique: boolean; predicate: string | null }[]

beforeAll(async () => {
  service = await startService({ idle: true })
  indexes = await runSql(
    service,
    `SELECT i.indexrelid::regclass::text AS name, i.indisunique AS "isUnique",
       pg_get_expr(i.indpred, i.indrelid) AS predicate,
       (SELECT array_agg(t.typtype::text ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        JOIN pg_type t ON t.oid = a.atttypid) AS "keyTypes"
     FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity`,
    [],
  )
})
afterAll(() => service.close())

/** docs/decisions/0014: a condition on an enumeration is no look-up under row-level security, and is badly estimated. */
describe('an index on a tenant’s table', () => {
  it('is found by this test', () => {
    expect(indexes.length).toBeGreaterThan(50)
  })

  it('has no enumeration before a column that is looked up', () => {
    const badly = indexes.filter(({ keyTypes }) => {
      const first = keyTypes.indexOf('e')
      return first >= 0 && keyTypes.slice(first).includes('b')
    })

    expect(badly.map(({ name }) => name)).toEqual([])
  })

  it('names the values of an enumeration that it holds, not those that it leaves out', () => {
    const badly = indexes.filter(({ predicate }) => predicate !== null && /<>|\bNOT (?!NULL)/.test(predicate))

    expect(badly.map(({ name }) => name)).toEqual([])
  })
})
