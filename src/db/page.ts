import { AppError } from '../lib/errors.js'

export interface PageRequest {
  /** 1..100 */
  limit: number
  cursor?: string | undefined
}

export interface Page<Row> {
  data: Row[]
  nextCursor: string | null
}

const badCursor = () =>
  new AppError(
    'validation_failed',
    'The cursor is not one that this list gave. Leave it out to start again.',
    {
      errors: [{ path: 'cursor', message: 'not a cursor of this list' }],
    },
  )

/** The values that a cursor carries, as strings; null at the start. Refuses what this list did not give. */
export function readCursor(cursor: string | undefined, patterns: readonly RegExp[]): string[] | null {
  if (cursor === undefined) return null
  let values: unknown
  try {
    values = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    throw badCursor()
  }
  if (!Array.isArray(values) || values.length !== patterns.length) throw badCursor()
  return values.map((value, index) => {
    if (typeof value !== 'string' || !patterns[index]?.test(value)) throw badCursor()
    return value
  })
}

export const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
export const sequencePattern = /^\d{1,18}$/
// PostgreSQL knows no year 0
const timePattern = /^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Cuts `limit + 1` rows down to a page. `keyOf` gives the values that the next page starts after. */
export function toPage<Row>(rows: Row[], limit: number, keyOf: (row: Row) => string[]): Page<Row> {
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  const hasMore = rows.length > limit && last !== undefined
  return { data, nextCursor: hasMore ? Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') : null }
}

/** Of a list in order of a time, and of ids within it; null at the start. */
export function readTimeCursor(cursor: string | undefined): { time: Date; id: string } | null {
  const [written, id] = readCursor(cursor, [timePattern, idPattern]) ?? []
  if (!written || !id) return null
  const time = new Date(written)
  if (Number.isNaN(time.getTime())) throw badCursor()
  return { time, id }
}

/** For lists in order of creation, newest first: ids are UUIDv7, so they sort by creation. */
export function olderThan(page: PageRequest): { id?: { lt: string } } {
  const cursor = readCursor(page.cursor, [idPattern])
  return cursor?.[0] ? { id: { lt: cursor[0] } } : {}
}

export const pageById = <Row extends { id: string }>(rows: Row[], page: PageRequest): Page<Row> =>
  toPage(rows, page.limit, (row) => [row.id])
