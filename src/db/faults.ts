import pg from 'pg'

// Prisma's own codes (P1001, P2010 …) look alike; PostgreSQL has P0001 and its like
const sqlStatePattern = /^(?!P[1-9])[0-9A-Z]{5}$/

/** The SQLSTATE of a database error, wherever Prisma or its adapter has put it. */
function sqlState(error: unknown): string | null {
  for (let at: unknown = error, depth = 0; at && typeof at === 'object' && depth < 5; depth++) {
    const { code, originalCode, meta, cause } = at as Record<string, unknown>
    for (const value of [originalCode, code])
      if (typeof value === 'string' && sqlStatePattern.test(value)) return value
    at = cause ?? meta ?? (at as Record<string, unknown>)['driverAdapterError']
  }
  return null
}

const prismaCode = (error: unknown): string =>
  error && typeof error === 'object' && 'code' in error ? String(error.code) : ''

/** A deadlock or a serialization failure: the same work may succeed if it runs again. */
export const isPassingConflict = (error: unknown): boolean =>
  prismaCode(error) === 'P2034' || ['40001', '40P01'].includes(sqlState(error) ?? '')

/** A unique constraint refused the row. */
export const isDuplicate = (error: unknown): boolean =>
  prismaCode(error) === 'P2002' || sqlState(error) === '23505'

/** A foreign key refused the change: something still refers to the row, or it refers to nothing. */
export const isReferenceFault = (error: unknown): boolean =>
  ['P2003', 'P2014'].includes(prismaCode(error)) || sqlState(error) === '23503'

const unreachable =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|Connection terminated|timeout exceeded when trying to connect|Can't reach database server|Unable to start a transaction|Transaction already closed|not queryable|Server has closed the connection|the database system is/i

/** The database is away, starting, stopping or has no connection to spare. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error) ?? ''
  if (
    /^(08|57P0|53)/.test(state) ||
    ['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028'].includes(prismaCode(error))
  )
    return true
  return (
    error instanceof Error &&
    (unreachable.test(error.message) || (error.cause !== undefined && isUnavailable(error.cause)))
  )
}

/** A fault as it may be shown: its kind and the database's code, without values that its message may hold. */
export function faultName(error: unknown): string {
  const ofPostgres = error instanceof pg.DatabaseError ? 'DatabaseError' : null
  const name = ofPostgres ?? (error instanceof Error ? error.name : 'Error')
  const code = sqlState(error) ?? prismaCode(error)
  return code ? `${name} ${code}` : name
}
