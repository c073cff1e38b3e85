import { randomBytes } from 'node:crypto'
import type { TestService } from './service.js'
import { runSql } from './sql.js'

export interface Poison {
  /** What makes the database refuse, about the row NEW; for `each: 'batch'` about the rows of `batch` */
  when: string
  on?: 'INSERT' | 'UPDATE' | 'DELETE'
  /** `batch`: looked at once for all rows of a statement */
  each?: 'row' | 'batch'
  /** In place of raising an error */
  does?: string
}

/**
 * Makes the database refuse certain rows, as a fault in a new version or in the data would: whoever writes one gets an
 * error that no code expects. Answers what mends it.
 */
export async function poison(
  service: Pick<TestService, 'databaseUrl'>,
  table: string,
  { when, on = 'INSERT', each = 'row', does = `RAISE EXCEPTION 'poisoned'` }: Poison,
): Promise<() => Promise<void>> {
  const name = `poison_${randomBytes(6).toString('hex')}`
  await runSql(
    service,
    `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
       $$ BEGIN IF ${when} THEN ${does}; END IF; RETURN ${on === 'DELETE' ? 'OLD' : 'NEW'}; END $$`,
  )
  const scope =
    each === 'row'
      ? `BEFORE ${on} ON ${table} FOR EACH ROW`
      : `AFTER ${on} ON ${table} REFERENCING NEW TABLE AS batch FOR EACH STATEMENT`
  await runSql(service, `CREATE TRIGGER ${name} ${scope} EXECUTE FUNCTION ${name}()`)
  return async () => {
    await runSql(service, `DROP FUNCTION IF EXISTS ${name} CASCADE`)
  }
}
