import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Prisma } from '../../src/db/generated/client.js'
import { type Furnished, furnish } from '../support/furnished.js'
import { eventually, startService, type TestService } from '../support/service.js'

/** Tables of no organization: what is in them, and that the role of ordinary work may not even read them, is checked below. */
const tablesOfNobody = ['_prisma_migrations', 'relay']

/** Tables whose rows nobody may change or delete. */
const appendOnlyTables = ['audit_log', 'status_changes']

let service: TestService
let ours: Furnished
let theirs: Furnished
/** As the superuser, whom no policy binds */
let owner: pg.Client
let tenantTables: string[]

beforeAll(async () => {
  service = await startService()
  ours = await furnish(service, 'homeland')
  theirs = await furnish(service, 'foreigner')
  owner = new pg.Client({ connectionString: service.databaseUrl })
  await owner.connect()
  // What waits is soon gone, unless it waits for tomorrow
  await owner.query(
    `INSERT INTO inbox (org_id, seq, callback_id, lane, stored_at, due_at)
     SELECT org_id, seq, id, lane, stored_at, now() + interval '1 day' FROM callbacks ON CONFLICT DO NOTHING`,
  )
  tenantTables = await tablesWhere(`EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped)`)
})

afterAll(async () => {
  await owner.end()
  await service.close()
})

async function tablesWhere(condition: string): Promise<string[]> {
  const { rows } = await owner.query(
    `SELECT c.relname AS name FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
       AND ${condition} ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}

/** Raw SQL in a unit of work of our organization, as `parley_app`. Answers the rows, or what the database refused with. */
function inOurs(sql: string, ...values: unknown[]): Promise<unknown[] | string> {
  return service.parts.db
    .inOrg(ours.org.id, (tx) => tx.$queryRaw<unknown[]>(new Prisma.Sql(sql.split(/\$\d/), values)))
    .catch((error) => String(error))
}

/** A statement as this role, with nothing set. Answers the rows, or what the database refused with. */
async function unscoped(role: string, sql: string): Promise<unknown[] | string> {
  await owner.query('BEGIN')
  try {
    await owner.query(`SET LOCAL ROLE ${role}`)
    return (await owner.query(sql)).rows
  } catch (error) {
    return String(error)
  } finally {
    await owner.query('ROLLBACK')
  }
}

describe('the tables', () => {
  it('belong to an organization, or are known to belong to nobody', async () => {
    const others = await tablesWhere(`NOT EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped)`)

    expect(others.filter((name) => name !== 'organizations')).toEqual(tablesOfNobody)
    for (const table of tablesOfNobody)
      expect(await unscoped('parley_app', `SELECT 1 FROM ${table}`)).toContain('permission denied')
  })

  it('of organizations are closed to everybody without a policy, their owner included', async () => {
    const closed = await tablesWhere('c.relrowsecurity AND c.relforcerowsecurity')

    expect(closed).toEqual([...tenantTables, 'organizations'].toSorted())
  })

  it('open to the role of ordinary work by the organization of the moment and nothing else', async () => {
    const { rows } = await owner.query(
      `SELECT tablename AS name, qual, with_check FROM pg_policies
       WHERE NOT roles <@ ARRAY['parley_system'::name] ORDER BY 1`,
    )

    expect(rows).toEqual(
      [...tenantTables, 'organizations'].toSorted().map((name) => ({
        name,
        qual: `(${name === 'organizations' ? 'id' : 'org_id'} = app_org_id())`,
        with_check: null,
      })),
    )
  })

  it('are worked on by roles that own nothing, cannot log in and pass no policy', async () => {
    const { rows } = await owner.query(
      `SELECT rolname, rolsuper, rolbypassrls, rolcanlogin,
         (SELECT count(*)::int FROM pg_class WHERE relowner = r.oid) AS owned
       FROM pg_roles r WHERE rolname IN ('parley_app', 'parley_system') ORDER BY 1`,
    )

    const powers = { rolsuper: false, rolbypassrls: false, rolcanlogin: false, owned: 0 }
    expect(rows).toEqual(['parley_app', 'parley_system'].map((rolname) => ({ rolname, ...powers })))
  })

  it('have the organization in their primary key and in every key to another table', async () => {
    const { rows } = await owner.query(
      `SELECT k.conrelid::regclass || ' ' || k.conname AS name FROM pg_constraint k
       WHERE k.contype IN ('p', 'f') AND k.conrelid::regclass::text = ANY($1) AND NOT EXISTS (
         SELECT FROM unnest(k.conkey, k.confkey) AS pair(mine, other)
         JOIN pg_attribute m ON m.attrelid = k.conrelid AND m.attnum = pair.mine AND m.attname = 'org_id'
         LEFT JOIN pg_attribute o ON o.attrelid = k.confrelid AND o.attnum = pair.other
         WHERE k.contype = 'p' OR o.attname = 'org_id' OR (k.confrelid = 'organizations'::regclass AND o.attname = 'id'))`,
      [tenantTables],
    )

    expect(rows).toEqual([])
    expect(tenantTables.length).toBeGreaterThan(15)
  })
})

describe('the rights', () => {
  it('of everybody are none, and those of ordinary work end at the schema of the tables', async () => {
    const { rows: everybody } = await owner.query(
      `SELECT table_schema, table_name, privilege_type FROM information_schema.table_privileges
       WHERE grantee = 'PUBLIC' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
    )
    const { rows: elsewhere } = await owner.query(
      `SELECT n.nspname, r.rolname FROM pg_namespace n, pg_roles r
       WHERE r.rolname IN ('parley_app', 'parley_system') AND n.nspname !~ '^(public|information_schema|pg_.*)$'
         AND has_schema_privilege(r.rolname, n.oid, 'USAGE')`,
    )

    expect(everybody).toEqual([])
    expect(elsewhere).toEqual([])
  })

  it('to write across organizations are these and no others', async () => {
    const { rows } = await owner.query(
      `SELECT privilege_type || ' ' || table_name AS may FROM information_schema.table_privileges
       WHERE grantee = 'parley_system' AND privilege_type <> 'SELECT'
       UNION SELECT format('%s %s.%s', privilege_type, table_name, column_name) FROM information_schema.column_privileges c
       WHERE grantee = 'parley_system' AND privilege_type IN ('INSERT', 'UPDATE') AND NOT EXISTS (
         SELECT FROM information_schema.table_privileges t WHERE t.grantee = c.grantee
           AND t.table_name = c.table_name AND t.privilege_type = c.privilege_type) ORDER BY 1`,
    )

    expect(rows.map(({ may }) => may)).toEqual([
      'DELETE callbacks',
      'DELETE idempotency_keys',
      'DELETE media',
      'DELETE outbox',
      'INSERT callbacks',
      'INSERT inbox',
      // When back-fill is due next, set for all accounts when a process starts
      'UPDATE channel_accounts.backfill_due_at',
      'UPDATE outbox.position',
      'UPDATE relay',
    ])
  })

  it('are passed by by no view, and no table of an organization lies in another schema', async () => {
    const { rows } = await owner.query(
      `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname !~ '^(information_schema|pg_.*)$' AND (c.relkind IN ('v', 'm', 'f') AND n.nspname = 'public'
         OR n.nspname <> 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND EXISTS (
           SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped))`,
    )

    expect(rows).toEqual([])
  })
})

describe('a table that is only added to', () => {
  it('gives nobody but its owner the right to change or delete a row', async () => {
    const { rows } = await owner.query(
      `SELECT c.relname AS name, r.rolname AS role, array_agg(DISTINCT a.privilege_type::text ORDER BY a.privilege_type::text) AS may
       FROM pg_class c, LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
       WHERE c.relname = ANY($1) AND a.grantee <> c.relowner GROUP BY 1, 2`,
      [appendOnlyTables],
    )
    const { rows: columns } = await owner.query(
      `SELECT 1 FROM pg_attribute WHERE attrelid = ANY($1::regclass[]) AND attacl IS NOT NULL`,
      [appendOnlyTables],
    )

    expect(rows).toEqual(
      appendOnlyTables.map((name) => ({ name, role: 'parley_app', may: ['INSERT', 'SELECT'] })),
    )
    expect(columns).toEqual([])
  })

  it.each(appendOnlyTables)('refuses it in a unit of work of the organization itself: %s', async (table) => {
    for (const sql of [`UPDATE ${table} SET id = id`, `DELETE FROM ${table}`, `TRUNCATE ${table}`])
      expect(await inOurs(sql)).toContain('permission denied')
  })
})

describe('the functions that pass the policies', () => {
  it('are the few that look up one unguessable value, store what they are given, count a table, or count on', async () => {
    const { rows } = await owner.query(
      `SELECT DISTINCT proname, proowner::regrole::text AS owner FROM pg_proc
       WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY 1`,
    )
    const {
      rows: [table],
    } = await owner.query(`SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'contacts'`)

    expect(rows).toEqual([
      // Only an owner may ANALYZE. It takes nothing, and answers a table's name
      { proname: 'analyze_new_table', owner: table.owner },
      ...['find_access_key', 'find_callback_account', 'find_caller', 'store_callbacks', 'take_position'].map(
        (proname) => ({ proname, owner: 'parley_system' }),
      ),
    ])
  })

  it('may be called by those only who need them', async () => {
    expect(await inOurs('SELECT analyze_new_table()')).toContain('permission denied')
  })
})

describe('a query without an organization', () => {
  it('sees no row of any table', async () => {
    const seen: unknown[] = []

    for (const table of [...tenantTables, 'organizations']) {
      const rows = await unscoped('parley_app', `SELECT 1 FROM ${table} LIMIT 1`)
      if (rows.length > 0) seen.push([table, rows])
    }

    expect(seen).toEqual([])
  })

  it('sees no row on a connection on which an organization was at work before', async () => {
    await Promise.all(
      Array.from({ length: 30 }, () => service.parts.db.inOrg(ours.org.id, (tx) => tx.contact.count())),
    )

    const left = await Promise.all(
      Array.from({ length: 30 }, () =>
        service.parts.db.call({
          text: 'SELECT count(*)::int AS n FROM contacts',
          values: [],
        } as never),
      ),
    )

    expect(left.flat()).toEqual(Array.from({ length: 30 }, () => ({ n: 0 })))
  })
})

describe('raw SQL in a unit of work of one organization', () => {
  it.each([
    ['read', (table: string) => `SELECT 1 FROM ${table} WHERE org_id = $1::uuid`],
    ['update', (table: string) => `UPDATE ${table} SET org_id = org_id WHERE org_id = $1::uuid RETURNING 1`],
    ['delete', (table: string) => `DELETE FROM ${table} WHERE org_id = $1::uuid RETURNING 1`],
    ['lock', (table: string) => `SELECT 1 FROM ${table} WHERE org_id = $1::uuid FOR UPDATE`],
  ])('cannot %s any row of another', async (_what, sql) => {
    const touched: unknown[] = []

    for (const table of tenantTables) {
      const rows = await inOurs(sql(table), theirs.org.id)
      if (appendOnlyTables.includes(table) && String(rows).includes('permission denied')) continue
      if (rows.length > 0) touched.push([table, rows])
    }

    expect(touched).toEqual([])
  })

  it('cannot insert a row for another', async () => {
    const inserted: unknown[] = []

    for (const table of tenantTables) {
      const row = await oneRow(table, theirs.org.id)
      const refusal = await inOurs(
        `INSERT INTO ${table} SELECT * FROM jsonb_populate_record(NULL::${table}, $1::jsonb) RETURNING 1`,
        JSON.stringify(row),
      )
      if (!String(refusal).includes('row-level security')) inserted.push([table, refusal])
    }

    expect(inserted).toEqual([])
  })

  it('cannot move a row of its own to another', async () => {
    const moved: unknown[] = []

    for (const table of tenantTables.filter((name) => !appendOnlyTables.includes(name))) {
      await oneRow(table, ours.org.id)
      const refusal = await inOurs(`UPDATE ${table} SET org_id = $1::uuid RETURNING 1`, theirs.org.id)
      if (!String(refusal).includes('row-level security')) moved.push([table, refusal])
    }

    expect(moved).toEqual([])
  })

  it('cannot read, change or make another organization', async () => {
    const id = theirs.org.id

    expect(await inOurs('SELECT 1 FROM organizations WHERE id = $1::uuid', id)).toEqual([])
    expect(await inOurs('UPDATE organizations SET name = name WHERE id = $1::uuid RETURNING 1', id)).toEqual(
      [],
    )
    expect(await inOurs('UPDATE organizations SET id = $1::uuid', id)).toContain('row-level security')
    expect(await inOurs('DELETE FROM organizations')).toContain('permission denied')
  })
})

/** A row of this organization, as the superuser sees it. Fails where there is none: nothing would be shown then. */
async function oneRow(table: string, orgId: string): Promise<unknown> {
  return eventually(
    async () =>
      (await owner.query(`SELECT to_jsonb(t) AS row FROM ${table} t WHERE org_id = $1 LIMIT 1`, [orgId]))
        .rows[0]?.row,
    (row) => row !== undefined,
    2000,
  ).catch(() => {
    throw new Error(`Furnish a row of ${table}: without one nothing is shown for it`)
  })
}
