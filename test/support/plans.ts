import { open, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createTestDatabase, type TestDatabase } from './database.js'
import { startService, type TestService } from './service.js'
import { openSql } from './sql.js'

/** A node of a plan as auto_explain writes it, after it has run. */
interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  Alias?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'Rows Removed by Join Filter'?: number
  'Rows Removed by Index Recheck'?: number
  'Shared Hit Blocks'?: number
  'Shared Read Blocks'?: number
  Plans?: PlanNode[]
}

export interface SeenPlan {
  statement: string
  plan: PlanNode
}

/** How a statement read one table or index. */
export interface Scan {
  statement: string
  /** `Index Scan of messages by messages_due` */
  what: string
  relation: string | null
  isSequential: boolean
  rows: number
  pages: number
}

const settings: Readonly<Record<string, string>> = {
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_nested_statements': 'on',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_timing': 'off',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_format': 'json',
  'auto_explain.log_parameter_max_length': '0',
}

/**
 * A database in which every connection has each of its statements explained in the server's log, with those of functions,
 * triggers and foreign keys.
 */
export async function createExplainedDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase()
  const sql = await openSql({ databaseUrl: database.url })
  try {
    for (const [name, value] of Object.entries(settings)) {
      await sql.query(
        `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ${name} = %L', current_database(), '${value}'); END $$`,
      )
    }
  } finally {
    await sql.end()
  }
  return database
}

export interface Explained {
  service: TestService
  /** Of the database's owner */
  sql: Awaited<ReturnType<typeof openSql>>
  close(): Promise<void>
}

/** A service on such a database. @param fill runs before the service starts */
export async function startExplained(
  options: Parameters<typeof startService>[0] = {},
  fill: (sql: Explained['sql']) => Promise<unknown> = async () => undefined,
): Promise<Explained> {
  const database = await createExplainedDatabase()
  const sql = await openSql({ databaseUrl: database.url })
  await fill(sql)
  const service = await startService({ ...options, databaseUrl: database.url })
  const close = async () => {
    await service.close()
    await sql.end()
    await database.drop()
  }
  return { service, sql, close }
}

/** The plans that the server logs from now on for one database; tests beside this one have theirs in the same log. */
export class PlanLog {
  private constructor(
    private readonly database: string,
    private readonly file: string,
    private readonly start: number,
  ) {}

  static async open(databaseUrl: string): Promise<PlanLog> {
    const sql = await openSql({ databaseUrl })
    const { rows } = await sql.query(`SELECT current_setting('data_directory') AS directory`)
    await sql.end()
    const file = join(dirname(rows[0].directory), 'postgres.log')
    return new PlanLog(new URL(databaseUrl).pathname.slice(1), file, (await stat(file)).size)
  }

  async read(): Promise<SeenPlan[]> {
    const file = await open(this.file)
    const text = await file.read(Buffer.alloc((await file.stat()).size - this.start), {
      position: this.start,
    })
    await file.close()
    // The lines of one entry begin with a tab, but for its first
    const entries = new RegExp(` ${this.database} LOG: .* plan:\\n((?:\\t.*\\n)+)`, 'g')
    return [...text.buffer.toString('utf8').matchAll(entries)].map(([, json = '']) => {
      const entry = JSON.parse(json.replace(/^\t/gm, ''))
      return { statement: entry['Query Text'], plan: entry.Plan }
    })
  }
}

/** Every scan of a table or index in the plan. */
export function scansIn({ statement, plan }: SeenPlan): Scan[] {
  const all: Scan[] = []
  const visit = (node: PlanNode) => {
    if (node['Node Type'].endsWith('Scan')) all.push(scanOf(statement, node))
    for (const child of node.Plans ?? []) visit(child)
  }
  visit(plan)
  return all.filter(({ what }) => what.includes(' of '))
}

function scanOf(statement: string, node: PlanNode): Scan {
  const { 'Node Type': type, 'Relation Name': relation = null, 'Index Name': index } = node
  const loops = node['Actual Loops'] ?? 1
  const perLoop =
    (node['Actual Rows'] ?? 0) +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0)
  const below = (node.Plans ?? []).reduce((sum, child) => sum + pagesOf(child), 0)
  return {
    statement,
    what: `${type}${relation ? ` of ${relation}` : index ? ' of' : ''}${index ? ` by ${index}` : ''}`,
    relation,
    isSequential: type === 'Seq Scan',
    rows: Math.round(perLoop * loops),
    pages: pagesOf(node) - below,
  }
}

const pagesOf = (node: PlanNode): number =>
  (node['Shared Hit Blocks'] ?? 0) + (node['Shared Read Blocks'] ?? 0)
