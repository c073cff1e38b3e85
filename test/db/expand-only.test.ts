import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { contractingStatements } from '../support/contracting.js'

const folder = join('prisma', 'migrations')
const [, ...later] = readdirSync(folder)
  .filter((name) => /^\d{14}_/.test(name))
  .toSorted()

/** docs/decisions/0022: in a rollout the previous version works on with the newer schema. */
describe('a migration', () => {
  it('takes nothing that the previous version uses, or says which release stopped using it', () => {
    const contracting = later.flatMap((name) =>
      contractingStatements(readFileSync(join(folder, name, 'migration.sql'), 'utf8')).map(
        ({ statement, why }) => `${name} ${why}: ${statement}`,
      ),
    )

    expect(contracting).toEqual([])
  })
})

describe('what contracts', () => {
  it.each([
    'ALTER TABLE messages DROP COLUMN text',
    'ALTER TABLE "messages" ADD COLUMN "a" INTEGER, DROP "text"',
    'DROP TABLE messages',
    'DROP FUNCTION publish_events(int)',
    'DROP INDEX callbacks_once',
    'ALTER TABLE messages RENAME COLUMN text TO words',
    'ALTER TABLE messages RENAME TO texts',
    `ALTER TYPE message_status RENAME VALUE 'sent' TO 'gone'`,
    'ALTER TABLE messages ALTER COLUMN author_id SET NOT NULL',
    'ALTER TABLE messages ALTER segments TYPE bigint',
    'ALTER TABLE "messages" ALTER COLUMN "segments" SET DATA TYPE BIGINT',
    'ALTER TABLE messages ADD COLUMN a integer NOT NULL',
    'ALTER TABLE messages ADD COLUMN a integer NOT NULL DEFAULT 0, ADD COLUMN b integer NOT NULL',
    'ALTER TABLE messages ALTER COLUMN attempts DROP DEFAULT',
    'ALTER TABLE messages ADD CONSTRAINT short CHECK (length(text) < 100)',
    'CREATE UNIQUE INDEX messages_text ON messages (org_id, text)',
    'REVOKE DELETE ON messages FROM parley_app',
    '-- a remark\nDROP TABLE messages',
  ])('is seen in: %s', (sql) => {
    expect(contractingStatements(`CREATE TABLE other (a integer);\n${sql};`)).toHaveLength(1)
  })

  it.each([
    'ALTER TABLE messages ADD COLUMN a integer',
    'ALTER TABLE messages ADD COLUMN a integer NOT NULL DEFAULT 0, ADD COLUMN b integer',
    'CREATE INDEX messages_text ON messages (org_id, text)',
    'CREATE TABLE notes (a integer NOT NULL); CREATE UNIQUE INDEX notes_a\n  ON notes (a); ALTER TABLE notes ADD CHECK (a > 0)',
    `CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE scratch; END $$`,
    'REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC',
    'GRANT CREATE ON SCHEMA public TO parley_system; REVOKE CREATE ON SCHEMA public FROM parley_system',
    `ALTER TYPE message_status ADD VALUE 'scheduled'`,
    '-- DROP TABLE messages comes later\nALTER TABLE messages ADD COLUMN a integer',
    '-- contracts: v1.4.0 reads the column no more\nALTER TABLE messages DROP COLUMN text',
  ])('is not seen in: %s', (sql) => {
    expect(contractingStatements(`${sql};`)).toEqual([])
  })

  it('is only let through by a mark of its own', () => {
    const sql = '-- contracts: v1.4.0\nDROP TABLE one;\nDROP TABLE two;'

    expect(contractingStatements(sql).map(({ statement }) => statement)).toEqual(['DROP TABLE two'])
  })
})
