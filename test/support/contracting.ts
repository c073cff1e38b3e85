/** A statement of a migration that the previous version may not survive, and why. */
export interface Contracting {
  statement: string
  why: string
}

const mark = /^-- contracts: \S/m

const contractions: readonly { why: string; pattern: RegExp }[] = [
  {
    why: 'drops what the previous version may use',
    pattern: /\bDROP\s+(?!CONSTRAINT\b|POLICY\b|TRIGGER\b)/i,
  },
  { why: 'renames what the previous version calls by its old name', pattern: /\bRENAME\b/i },
  { why: 'takes a right that the previous version may use', pattern: /^REVOKE\b(?!.*\bFROM PUBLIC\b)/is },
  { why: 'refuses rows that the previous version may write', pattern: /\bSET\s+NOT\s+NULL\b/i },
  {
    why: 'changes what the previous version reads',
    pattern: /\bALTER\s+(COLUMN\s+)?\S+\s+(SET\s+DATA\s+)?TYPE\b/i,
  },
]

/**
 * What contracts in a migration. What it gives it may take again. A mark `-- contracts: <the release that stopped using it>` before a statement says that it
 * may. Tables that the migration itself makes are nobody's yet.
 */
export function contractingStatements(sql: string): Contracting[] {
  const statements = statementsOf(sql)
  const own = new Set(statements.flatMap((statement) => madeTable(statement) ?? []))
  const given = new Set(statements.map((statement) => rightOf(statement, 'GRANT', 'TO')))
  return statements
    .filter((statement) => !mark.test(statement))
    .map(withoutComments)
    .filter((statement) => !own.has(changedTable(statement) ?? ''))
    .filter((statement) => !given.has(rightOf(statement, 'REVOKE', 'FROM') ?? ''))
    .flatMap((statement) => {
      const why = whyContracting(statement)
      return why ? { statement, why } : []
    })
}

function whyContracting(statement: string): string | null {
  const found = contractions.find(({ pattern }) => pattern.test(statement))
  if (found) return found.why
  if (
    /^CREATE UNIQUE INDEX\b/i.test(statement) ||
    /\bADD\s+(CONSTRAINT\s+\S+\s+)?(CHECK|UNIQUE|EXCLUDE)\b/i.test(statement)
  )
    return 'refuses rows that the previous version may write'
  const added = statement.split(/\bADD COLUMN\b/i).slice(1)
  return added.some((column) => /\bNOT\s+NULL\b/i.test(column) && !/\bDEFAULT\b/i.test(column))
    ? 'a column that the previous version does not fill'
    : null
}

/** Each with the comments before it. Bodies of functions count as one statement, with what stands in them left out. */
function statementsOf(sql: string): string[] {
  return sql
    .replace(/\$(\w*)\$[\s\S]*?\$\1\$/g, '$$body$$')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => withoutComments(statement) !== '')
}

/** `CREATE ON SCHEMA public, parley_system` */
function rightOf(statement: string, verb: 'GRANT' | 'REVOKE', whose: 'TO' | 'FROM'): string | null {
  const [, right, role] =
    new RegExp(`^${verb} (.+) ${whose} (\\w+)$`, 'is').exec(withoutComments(statement)) ?? []
  return right ? `${right}, ${role}` : null
}

const withoutComments = (statement: string): string => statement.replace(/--.*$/gm, '').trim()

const tableName = String.raw`(?:IF (?:NOT )?EXISTS )?(?:ONLY )?"?(\w+)"?`
const madeTable = (statement: string) =>
  new RegExp(`^CREATE TABLE ${tableName}`, 'i').exec(withoutComments(statement))?.[1]
const changedTable = (statement: string) =>
  new RegExp(`^(?:ALTER TABLE |CREATE UNIQUE INDEX \\S+\\s+ON )${tableName}`, 'i').exec(statement)?.[1]
