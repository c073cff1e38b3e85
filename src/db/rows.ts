import type { OrgTx } from './database.js'
import { Prisma } from './generated/client.js'

type Lockable =
  | 'access_keys'
  | 'agents'
  | 'automatic_messages'
  | 'capacity_profiles'
  | 'channel_numbers'
  | 'contacts'
  | 'notification_templates'
  | 'presence_statuses'
  | 'operating_hours'
  | 'queues'
  | 'skills'
  | 'workstream_channels'

/**
 * Keeps a row as it is until this unit of work has changed it, so that what was read before is what the change began
 * with. Rows that point to it can be added meanwhile.
 */
export async function lockRow(tx: OrgTx, table: Lockable, id: string): Promise<void> {
  await tx.$queryRaw`
    SELECT 1 FROM ${Prisma.raw(table)} WHERE org_id = ${tx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`
}

type Table = 'conversations' | 'messages' | 'media'

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/**
 * The columns of a model for a query of one's own (`SELECT … FOR UPDATE`, which Prisma has not), so that it answers rows
 * of the model's type.
 *
 * @param fields the model's `…ScalarFieldEnum`, or the names of some of its fields
 */
export const columnsOf = (
  fields: Readonly<Record<string, string>> | readonly string[],
  alias: string,
): Prisma.Sql =>
  Prisma.raw(
    Object.values(fields)
      .map((field) => `${alias}.${snakeCase(field)} AS "${field}"`)
      .join(', '),
  )

/**
 * Inserts many rows with one statement and one parameter, in their order; columns that the rows do not name take their
 * defaults. Keys are field names of the Prisma model. Worth it on the hot paths only: elsewhere `createMany` will do.
 */
export async function insertRows<Row extends object>(
  tx: OrgTx,
  table: Table,
  rows: readonly Row[],
): Promise<void> {
  const [first] = rows
  if (!first) return
  // A column that is empty in every row need not be named: without a name it is empty too
  const names = (Object.keys(first) as (keyof Row & string)[]).filter((name) =>
    rows.some((row) => row[name] !== null),
  )
  const fields = names.map((name) => [name, snakeCase(name)] as const)
  const columns = Prisma.raw(fields.map(([, column]) => column).join(', '))
  const json = JSON.stringify(
    rows.map((row) => Object.fromEntries(fields.map(([name, column]) => [column, row[name]]))),
  )
  const target = Prisma.raw(table)
  await tx.$executeRaw`
    INSERT INTO ${target} (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::${target}, ${json}::jsonb)`
}

/** Writes these fields of many rows, each found by its id, with one statement and one parameter. */
export async function updateRows<Row extends { id: string }>(
  tx: OrgTx,
  table: Table,
  rows: readonly Row[],
  fields: readonly (keyof Row & string)[],
): Promise<void> {
  if (rows.length === 0) return
  const columns = fields.map((name) => [name, snakeCase(name)] as const)
  const json = JSON.stringify(
    rows.map((row) => ({
      id: row.id,
      ...Object.fromEntries(columns.map(([name, column]) => [column, row[name]])),
    })),
  )
  const target = Prisma.raw(table)
  const changes = Prisma.raw(columns.map(([, column]) => `${column} = changed.${column}`).join(', '))
  await tx.$executeRaw`
    UPDATE ${target} SET ${changes} FROM jsonb_populate_recordset(NULL::${target}, ${json}::jsonb) AS changed
    WHERE ${target}.org_id = ${tx.orgId}::uuid AND ${target}.id = changed.id`
}
